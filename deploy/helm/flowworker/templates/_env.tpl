{{/* What processes are told by their environment. */}}

{{/* A value as text; Helm reads whole numbers as floating ones, and would write 6.7e+07. */}}
{{- define "flowworker.text" -}}
{{- if kindIs "slice" . -}}
{{- join "," . -}}
{{- else if and (kindIs "float64" .) (eq . (floor .)) -}}
{{- printf "%.0f" . -}}
{{- else -}}
{{- toString . -}}
{{- end -}}
{{- end }}

{{/* The same for all processes, as a map. */}}
{{- define "flowworker.settings" -}}
{{- range $values := list .Values.settings .Values.streams }}
{{- range $name, $value := $values }}
{{- if not (kindIs "invalid" $value) }}
FLOWWORKER_{{ upper $name }}: {{ include "flowworker.text" $value | quote }}
{{- end }}
{{- end }}
{{- end }}
FLOWWORKER_NAMESPACE: {{ .Values.fleetNamespace | quote }}
FLOWWORKER_NATS_URL: {{ .Values.nats.url | quote }}
FLOWWORKER_LOG_LEVEL: {{ .Values.logLevel | quote }}
{{- end }}

{{- define "flowworker.auth" -}}
{{- default .root.Values.nats.auth .own.auth | toYaml -}}
{{- end }}

{{- define "flowworker.tls" -}}
{{- default .root.Values.nats.tls .own.tls | toYaml -}}
{{- end }}

{{/* How one process logs in, and what it opens payloads with. */}}
{{- define "flowworker.login" -}}
{{- $auth := include "flowworker.auth" . | fromYaml -}}
{{- $tls := include "flowworker.tls" . | fromYaml -}}
{{- range $name := list "creds" "nkey" }}
{{- with get $auth $name }}
- name: FLOWWORKER_{{ upper $name }}
  value: /run/secrets/nats/{{ . }}
{{- end }}
{{- end }}
{{- range $name := list "user" "password" "token" }}
{{- with get $auth $name }}
- name: FLOWWORKER_{{ upper $name }}
  valueFrom:
    secretKeyRef: {name: {{ $auth.secret | quote }}, key: {{ . | quote }}}
{{- end }}
{{- end }}
{{- with $auth.inboxPrefix }}
- name: FLOWWORKER_INBOX_PREFIX
  value: {{ . | quote }}
{{- end }}
{{- if $tls.secret }}
{{- range $name := list "ca" "cert" "key" }}
{{- with get $tls $name }}
- name: FLOWWORKER_TLS_{{ upper $name }}
  value: /run/secrets/nats-tls/{{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- with $tls.hostname }}
- name: FLOWWORKER_TLS_HOSTNAME
  value: {{ . | quote }}
{{- end }}
{{- if .root.Values.payloadKeys.secret }}
- name: FLOWWORKER_PAYLOAD_KEYS
  value: /run/secrets/payloads/{{ .root.Values.payloadKeys.key }}
{{- end }}
{{- end }}

{{/* Seconds from SIGTERM to SIGKILL: longer than the process may take, which is told in
docs/explanation/signals.md, with some for the log and the platform. */}}
{{- define "flowworker.workerGrace" -}}
{{- $drain := .own.drain | default .root.Values.settings.drain | default 25 -}}
{{- add (ceil $drain) 10 -}}
{{- end }}

{{- define "flowworker.coordinatorGrace" -}}
{{- add (ceil (.root.Values.settings.partition_lease | default 10)) 5 -}}
{{- end }}

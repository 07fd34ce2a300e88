{{/* Pods: what all of them have, with a container that serves and one that does a job. */}}

{{- define "flowworker.podHead" -}}
serviceAccountName: {{ .serviceAccount }}
automountServiceAccountToken: false
# Variables of services could be taken for ours
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext: {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- end }}

{{- define "flowworker.containerHead" -}}
name: {{ .component }}
image: {{ include "flowworker.image" . | quote }}
imagePullPolicy: {{ .own.image.pullPolicy | default .root.Values.image.pullPolicy }}
command: [flowworker]
args: {{- toYaml .args | nindent 2 }}
securityContext: {{- toYaml .root.Values.securityContext | nindent 2 }}
resources: {{- toYaml .own.resources | nindent 2 }}
{{- end }}

{{- define "flowworker.mounts" -}}
- name: tmp
  mountPath: /tmp
{{- if (include "flowworker.auth" . | fromYaml).secret }}
- name: nats
  mountPath: /run/secrets/nats
  readOnly: true
{{- end }}
{{- if (include "flowworker.tls" . | fromYaml).secret }}
- name: nats-tls
  mountPath: /run/secrets/nats-tls
  readOnly: true
{{- end }}
{{- if .root.Values.payloadKeys.secret }}
- name: payloads
  mountPath: /run/secrets/payloads
  readOnly: true
{{- end }}
{{- end }}

{{/* Secrets are readable for the group that `fsGroup` names, and nobody else. */}}
{{- define "flowworker.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- with (include "flowworker.auth" . | fromYaml).secret }}
- name: nats
  secret: {secretName: {{ . | quote }}, defaultMode: 0440}
{{- end }}
{{- with (include "flowworker.tls" . | fromYaml).secret }}
- name: nats-tls
  secret: {secretName: {{ . | quote }}, defaultMode: 0440}
{{- end }}
{{- with .root.Values.payloadKeys.secret }}
- name: payloads
  secret: {secretName: {{ . | quote }}, defaultMode: 0440}
{{- end }}
{{- end }}

{{/* The pod template of a Deployment: root, component, own, args, env, more ports and grace are told. */}}
{{- define "flowworker.servingPod" -}}
{{- $root := .root -}}
metadata:
  labels:
    {{- include "flowworker.selector" . | nindent 4 }}
    {{- with .own.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    checksum/settings: {{ include "flowworker.settings" $root | sha256sum }}
    {{- with .own.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "flowworker.podHead" (dict "root" $root "serviceAccount" (include "flowworker.serviceAccount" $root)) | nindent 2 }}
  terminationGracePeriodSeconds: {{ .grace }}
  {{- with .own.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .own.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .own.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .own.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    {{- with .own.topologySpreadConstraints }}
    {{- toYaml . | nindent 4 }}
    {{- else }}
    {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - topologyKey: {{ $key }}
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{- include "flowworker.selector" $ | nindent 10 }}
      matchLabelKeys: [pod-template-hash]
    {{- end }}
    {{- end }}
  containers:
    - {{ include "flowworker.containerHead" . | nindent 6 | trim }}
      envFrom:
        - configMapRef: {name: {{ include "flowworker.fullname" $root }}-settings}
        {{- with .own.envFrom }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      env:
        - name: FLOWWORKER_HTTP_HOST
          value: {{ $root.Values.http.host | quote }}
        - name: FLOWWORKER_HTTP_PORT
          value: {{ $root.Values.http.port | quote }}
        {{- with include "flowworker.login" . | trim }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- with concat (.env | default list) $root.Values.env .own.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - {name: http, containerPort: {{ $root.Values.http.port }}}
        {{- with .ports }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      livenessProbe:
        httpGet: {path: /healthz, port: http}
        periodSeconds: 20
        timeoutSeconds: 5
        failureThreshold: 3
      readinessProbe:
        httpGet: {path: /readyz, port: http}
        periodSeconds: 5
        timeoutSeconds: 5
      volumeMounts:
        {{- include "flowworker.mounts" . | nindent 8 }}
        {{- with .own.volumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    {{- include "flowworker.volumes" . | nindent 4 }}
    {{- with .own.volumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* The spec of a Job that runs one command. It is tried again unless what it was given is wrong: exit
code 1 is a namespace with other settings, 2 an input that is invalid. */}}
{{- define "flowworker.job" -}}
{{- $root := .root -}}
backoffLimit: 6
activeDeadlineSeconds: 900
ttlSecondsAfterFinished: 86400
podFailurePolicy:
  rules:
    - action: FailJob
      onExitCodes: {containerName: {{ .component }}, operator: In, values: [1, 2]}
template:
  metadata:
    labels: {{- include "flowworker.selector" . | nindent 6 }}
  spec:
    {{- include "flowworker.podHead" (dict "root" $root "serviceAccount" .serviceAccount) | nindent 4 }}
    restartPolicy: Never
    containers:
      - {{ include "flowworker.containerHead" . | nindent 8 | trim }}
        # Written out, since a hook runs before the ConfigMap is there
        env:
          {{- range $name, $value := include "flowworker.settings" $root | fromYaml }}
          - name: {{ $name }}
            value: {{ $value | quote }}
          {{- end }}
          {{- with include "flowworker.login" . | trim }}
          {{- . | nindent 10 }}
          {{- end }}
          {{- with $root.Values.env }}
          {{- toYaml . | nindent 10 }}
          {{- end }}
        volumeMounts:
          {{- include "flowworker.mounts" . | nindent 10 }}
          {{- with .definitions }}
          - name: definitions
            mountPath: /etc/flowworker/definitions
            readOnly: true
          {{- end }}
    volumes:
      {{- include "flowworker.volumes" . | nindent 6 }}
      {{- with .definitions }}
      - name: definitions
        configMap: {name: {{ . | quote }}}
      {{- end }}
{{- end }}

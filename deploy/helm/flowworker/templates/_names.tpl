{{/* Names, labels and images. */}}

{{- define "flowworker.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{/* A queue's name as part of an object's: queues may have capitals and underscores. */}}
{{- define "flowworker.worker" -}}
{{- printf "%s-worker-%s" (include "flowworker.fullname" .root) (.queue | lower | replace "_" "-") -}}
{{- end }}

{{- define "flowworker.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- with .queue }}
flowworker/queue: {{ . | quote }}
{{- end }}
{{- end }}

{{- define "flowworker.labels" -}}
{{ include "flowworker.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "flowworker.image" -}}
{{- $image := mergeOverwrite (deepCopy .root.Values.image) (.own.image | default dict) -}}
{{- /* What names another image is not to get the digest of the common one. */ -}}
{{- if and .own.image (or .own.image.repository .own.image.tag) (not .own.image.digest) -}}
{{- $_ := set $image "digest" "" -}}
{{- end -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository ($image.tag | default .root.Chart.AppVersion) -}}
{{- end -}}
{{- end }}

{{- define "flowworker.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "flowworker.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{/* All that a queue has: the defaults, and its own over them. A null of its own counts. */}}
{{- define "flowworker.queue" -}}
{{- mergeOverwrite (deepCopy .root.Values.queueDefaults) (deepCopy (.own | default dict)) | toYaml -}}
{{- end }}

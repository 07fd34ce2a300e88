{{/* The NetworkPolicy of one component: root, component, queue, name, egress (rules, or null for everything),
hook (its annotations, if it is to be there before the rest), serves, and `opens` (a port, and to whom) are told. */}}
{{- define "flowworker.network" -}}
{{- $policy := .root.Values.networkPolicy -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .name }}
  {{- with .hook }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
  labels: {{- include "flowworker.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "flowworker.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  {{- $opened := list }}
  {{- if and .serves $policy.metricsFrom }}
  {{- $opened = append $opened (dict "port" "http" "from" $policy.metricsFrom) }}
  {{- end }}
  {{- with .opens }}
  {{- $opened = append $opened . }}
  {{- end }}
  {{- if $opened }}
  ingress:
    {{- range $opened }}
    - from: {{- toYaml .from | nindent 8 }}
      ports:
        - {protocol: TCP, port: {{ .port }}}
    {{- end }}
  {{- else }}
  ingress: []
  {{- end }}
  egress:
    {{- if kindIs "invalid" .egress }}
    - {}
    {{- else }}
    - ports:
        - {protocol: UDP, port: 53}
        - {protocol: TCP, port: 53}
    - to: {{- toYaml $policy.natsTo | nindent 8 }}
      ports:
        {{- range $policy.natsPorts }}
        - {protocol: TCP, port: {{ . }}}
        {{- end }}
    {{- with .egress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- end }}
{{- end }}

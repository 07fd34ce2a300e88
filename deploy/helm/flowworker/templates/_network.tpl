{{/* The NetworkPolicy of one component: root, component, queue, name, egress (rules, or null for everything),
hook (its annotations, if it is to be there before the rest) and serves are told. */}}
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
  {{- if and .serves $policy.metricsFrom }}
  ingress:
    - from: {{- toYaml $policy.metricsFrom | nindent 8 }}
      ports:
        - {protocol: TCP, port: http}
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

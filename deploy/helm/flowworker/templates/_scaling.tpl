{{/* What KEDA is asked for: a trigger for each lane of a queue.

What a lane holds is what waits in it and what its workers run. The sum over the lanes, divided by what one
worker takes, is the number of workers. Without `scalingModifiers` the largest of the lanes alone would decide. With shards a
lane is one in each of them, and in the formula stands for their sum. */}}
{{- define "flowworker.scaling" -}}
{{- $root := .root -}}
{{- $queue := .queue -}}
{{- $scaling := .own.autoscaling -}}
{{- $shards := int ($root.Values.streams.shards | default 1) -}}
{{- $formula := $scaling.formula -}}
{{- if gt $shards 1 -}}
{{- $sum := "${1}" -}}
{{- range $shard := untilStep 1 $shards 1 -}}
{{- $sum = printf "%s + ${1}_%d" $sum $shard -}}
{{- end -}}
{{- $formula = regexReplaceAll "\\b(high|normal|low)\\b" $formula (printf "(%s)" $sum) -}}
{{- end -}}
{{- $target := include "flowworker.text" ($scaling.target | default .own.concurrency) -}}
scaleTargetRef:
  name: {{ .name }}
pollingInterval: {{ $scaling.pollingInterval }}
cooldownPeriod: {{ $scaling.cooldownPeriod }}
minReplicaCount: {{ $scaling.minReplicas }}
maxReplicaCount: {{ $scaling.maxReplicas }}
# While the monitoring port does not answer, nothing is taken away
fallback:
  failureThreshold: 3
  replicas: {{ max 1 (int $scaling.minReplicas) }}
  behavior: currentReplicasIfHigher
advanced:
  scalingModifiers:
    formula: {{ $formula | quote }}
    target: {{ $target | quote }}
    activationTarget: "0"
    metricType: AverageValue
  horizontalPodAutoscalerConfig:
    behavior: {{- toYaml $scaling.behavior | nindent 6 }}
triggers:
  {{- range $shard := until $shards }}
  {{- $suffix := ternary (printf "_%d" $shard) "" (gt $shard 0) }}
  {{- range $lane := list "high" "normal" "low" }}
  - type: nats-jetstream
    name: {{ $lane }}{{ $suffix }}
    metadata:
      natsServerMonitoringEndpoint: {{ $root.Values.keda.monitoringEndpoint | default (printf "nats-headless.%s.svc:8222" $root.Release.Namespace) | quote }}
      useHttps: {{ $root.Values.keda.useHttps | quote }}
      account: {{ $root.Values.keda.account | quote }}
      stream: {{ upper $root.Values.fleetNamespace }}_STEPS{{ $suffix }}
      consumer: step-{{ $queue }}-{{ $lane }}
      lagThreshold: {{ $target | quote }}
      activationLagThreshold: "0"
  {{- end }}
  {{- end }}
{{- end }}

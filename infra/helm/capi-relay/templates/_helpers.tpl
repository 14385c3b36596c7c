{{- define "capi.labels" -}}
app.kubernetes.io/name: capi-relay
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "capi.selector" -}}
app.kubernetes.io/name: capi-relay
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- define "capi.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{- /* What a change of must start the pods again: settings, connections and notifications are read once, at start. */ -}}
{{- define "capi.configuration-checksum" -}}
{{ toJson (list .Values.settings .Values.connections .Values.notifications) | sha256sum }}
{{- end }}

{{- /* A name, a list of names or nothing, as a JSON list. */ -}}
{{- define "capi.names" -}}
{{- if kindIs "slice" . }}{{ toJson . }}{{ else if . }}{{ toJson (list .) }}{{ else }}[]{{ end }}
{{- end }}

{{- /* The programs of a processor's pods, as a JSON list. */ -}}
{{- define "capi.programs" -}}
{{- toJson (.processor.programs | default (list .name)) }}
{{- end }}

{{- define "capi.pod" -}}
serviceAccountName: {{ .Values.serviceAccount.name | default .Release.Name }}
automountServiceAccountToken: false
# Else Kubernetes sets variables such as KAFKA_PORT for every Service of the namespace.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* Image, settings, secrets and files of a container; takes root and processor. */ -}}
{{- define "capi.container" -}}
{{- $values := .root.Values -}}
{{- $kafka := .processor.kafka | default $values.secrets.kafka -}}
image: {{ include "capi.image" .root }}
imagePullPolicy: {{ $values.image.pullPolicy }}
envFrom:
  - configMapRef: { name: {{ .root.Release.Name }}-settings }
  {{- if $kafka }}
  - secretRef: { name: {{ $kafka }} }
  {{- end }}
  {{- if .processor.masterKey }}
  {{- if $values.secrets.masterKey }}
  - secretRef: { name: {{ $values.secrets.masterKey }} }
  {{- else if not $values.settings.CAPI_MASTER_KEY }}
  {{- fail "secrets.masterKey names no Secret, and settings.CAPI_MASTER_KEY no reference: name one of them" }}
  {{- end }}
  {{- end }}
  {{- range include "capi.names" .processor.credentials | fromJsonArray }}
  - secretRef: { name: {{ . }} }
  {{- end }}
  {{- if and $values.index.secret (or (include "capi.indexes" .) (include "capi.shows-events" .)) }}
  - secretRef: { name: {{ $values.index.secret }} }
  {{- end }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
resources: {{- toYaml (.processor.resources | default $values.resources) | nindent 2 }}
volumeMounts:
  - { name: connections, mountPath: /config, readOnly: true }
  {{- if include "capi.certificates" .root }}
  - { name: certificates, mountPath: /certificates, readOnly: true }
  {{- end }}
  {{- if and $values.credentialStore.claim (include "capi.reads-store" .) }}
  - { name: credentials, mountPath: /credentials, readOnly: true }
  {{- end }}
  {{- if include "capi.indexes" . }}
  - { name: index, mountPath: /index }
  {{- end }}
  {{- range include "capi.names" .processor.files | fromJsonArray }}
  - { name: {{ include "capi.files-volume" . }}, mountPath: {{ printf "/secrets/%s" . }}, readOnly: true }
  {{- end }}
{{- end }}

{{- /* A volume's name has no dots and at most 63 characters, which a Secret's may have. */ -}}
{{- define "capi.files-volume" -}}
{{- $name := printf "files-%s" . }}
{{- if or (contains "." $name) (gt (len $name) 63) }}{{ printf "files-%s" (sha256sum . | trunc 16) }}{{ else }}{{ $name }}{{ end }}
{{- end }}

{{- define "capi.certificates" -}}
{{ .Values.certificates.configMap }}{{ .Values.certificates.secret }}
{{- end }}

{{- /* Not empty for deliveries and the notifier: no other program opens a credential. */ -}}
{{- define "capi.reads-store" -}}
{{- range include "capi.programs" . | fromJsonArray }}{{ if or (hasPrefix "delivery-" .) (eq . "notifier") }}yes{{ end }}{{ end }}
{{- end }}

{{- /* Not empty where the indexer is among the programs. */ -}}
{{- define "capi.indexes" -}}
{{- if has "indexer" (include "capi.programs" . | fromJsonArray) }}yes{{ end }}
{{- end }}

{{- /* Not empty where the console, which asks the indexer, is among the programs. */ -}}
{{- define "capi.shows-events" -}}
{{- if has "console" (include "capi.programs" . | fromJsonArray) }}yes{{ end }}
{{- end }}

{{- /* The processor whose pods answer lookups to other pods; empty where there is no token. Takes the root. */ -}}
{{- define "capi.index-processor" -}}
{{- if .Values.index.secret }}
{{- range $name, $processor := .Values.processors }}
{{- if and $processor (($processor).lookupPort) }}
{{- if include "capi.indexes" (dict "name" $name "processor" $processor) }}{{ $name }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "capi.volumes" -}}
{{- $values := .root.Values -}}
- name: connections
  configMap: { name: {{ .root.Release.Name }}-connections }
{{- if include "capi.certificates" .root }}
- name: certificates
  projected:
    sources:
      {{- with $values.certificates.configMap }}
      - configMap: { name: {{ . }} }
      {{- end }}
      {{- with $values.certificates.secret }}
      - secret: { name: {{ . }} }
      {{- end }}
{{- end }}
{{- if and $values.credentialStore.claim (include "capi.reads-store" .) }}
- name: credentials
  persistentVolumeClaim: { claimName: {{ $values.credentialStore.claim }}, readOnly: true }
{{- end }}
{{- if include "capi.indexes" . }}
- name: index
  {{- if $values.index.claim }}
  persistentVolumeClaim: { claimName: {{ $values.index.claim }} }
  {{- else }}
  emptyDir: {}
  {{- end }}
{{- end }}
{{- range include "capi.names" .processor.files | fromJsonArray }}
- name: {{ include "capi.files-volume" . }}
  secret: { secretName: {{ . }}, defaultMode: 0440 }
{{- end }}
{{- end }}

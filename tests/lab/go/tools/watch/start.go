package watch

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"log"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// schedule binds a pod to one of the nodes, always the same one for a name.
func (w *watcher) schedule(ctx context.Context, pod *corev1.Pod) {
	nodes, err := w.nodes.List(labels.Everything())
	if err != nil || len(nodes) == 0 {
		return
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(pod.Name))
	names := make([]string, 0, len(nodes))
	for _, n := range nodes {
		names = append(names, n.Name)
	}
	node := names[int(h.Sum32())%len(names)]
	err = w.client.CoreV1().Pods(pod.Namespace).Bind(ctx, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace, UID: pod.UID},
		Target:     corev1.ObjectReference{Kind: "Node", Name: node},
	}, metav1.CreateOptions{})
	if err != nil {
		// The informer may be a moment behind: the pod is bound already.
		if !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			log.Printf("bind %s/%s: %v", pod.Namespace, pod.Name, err)
		}
		return
	}
	w.scheduler.Eventf(pod, corev1.EventTypeNormal, "Scheduled", "Successfully assigned %s/%s to %s", pod.Namespace, pod.Name, node)
}

// want is a Secret without which a pod does not start.
type want struct {
	secret    string
	container string // empty for a volume
	volume    string
	key       string // empty where the whole Secret is used
}

// wants lists what the kubelet looks for before it starts the containers. An
// imagePullSecret is not among them: the kubelet pulls without it.
func wants(pod *corev1.Pod) []want {
	var out []want
	for _, v := range pod.Spec.Volumes {
		if v.Secret != nil && !yes(v.Secret.Optional) {
			out = append(out, want{secret: v.Secret.SecretName, volume: v.Name})
		}
		if v.Projected == nil {
			continue
		}
		for _, s := range v.Projected.Sources {
			if s.Secret != nil && !yes(s.Secret.Optional) {
				out = append(out, want{secret: s.Secret.Name, volume: v.Name})
			}
		}
	}
	for _, c := range append(append([]corev1.Container{}, pod.Spec.InitContainers...), pod.Spec.Containers...) {
		for _, e := range c.EnvFrom {
			if e.SecretRef != nil && !yes(e.SecretRef.Optional) {
				out = append(out, want{secret: e.SecretRef.Name, container: c.Name})
			}
		}
		for _, e := range c.Env {
			if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil && !yes(e.ValueFrom.SecretKeyRef.Optional) {
				r := e.ValueFrom.SecretKeyRef
				out = append(out, want{secret: r.Name, container: c.Name, key: r.Key})
			}
		}
	}
	return out
}

func yes(b *bool) bool { return b != nil && *b }

// prepare lets a pod start, or says why it cannot. kwok starts a pod when its
// condition PodReadyToStartContainers is true and no container waits.
func (w *watcher) prepare(ctx context.Context, pod *corev1.Pod) {
	for _, need := range wants(pod) {
		secret, err := w.secrets.Secrets(pod.Namespace).Get(need.secret)
		text := ""
		if apierrors.IsNotFound(err) {
			text = fmt.Sprintf("secret %q not found", need.secret)
		} else if err == nil && need.key != "" {
			if _, ok := secret.Data[need.key]; !ok {
				text = fmt.Sprintf("couldn't find key %s in Secret %s/%s", need.key, pod.Namespace, need.secret)
			}
		}
		if text != "" {
			w.refuse(ctx, pod, need, text)
			return
		}
	}
	if ready(pod) && waiting(pod) == "" {
		return
	}
	w.mu.Lock()
	delete(w.missing, string(pod.UID))
	w.mu.Unlock()
	w.patchStatus(ctx, pod, map[string]any{
		"conditions":        []any{condition(corev1.ConditionTrue)},
		"containerStatuses": nil,
	})
}

func (w *watcher) refuse(ctx context.Context, pod *corev1.Pod, need want, text string) {
	// The kubelet tries again about every 12 s and says so each time.
	w.mu.Lock()
	times := w.missing[string(pod.UID)]
	w.missing[string(pod.UID)] = times + 1
	w.mu.Unlock()
	if times%120 == 0 {
		if need.volume != "" {
			w.kubelet.Eventf(pod, corev1.EventTypeWarning, "FailedMount", "MountVolume.SetUp failed for volume %q : %s", need.volume, text)
		} else {
			w.kubelet.Event(pod, corev1.EventTypeWarning, "Failed", "Error: "+text)
		}
	}
	reason, message, started := "ContainerCreating", "", corev1.ConditionFalse
	if need.volume == "" {
		reason, message, started = "CreateContainerConfigError", text, corev1.ConditionTrue
	}
	if waiting(pod) == reason {
		return
	}
	statuses := make([]any, 0, len(pod.Spec.Containers))
	for _, c := range pod.Spec.Containers {
		state := map[string]any{"reason": reason}
		if message != "" && (need.container == c.Name || len(pod.Spec.Containers) == 1) {
			state["message"] = message
		}
		statuses = append(statuses, map[string]any{
			"name": c.Name, "image": c.Image, "imageID": "", "ready": false, "started": false, "restartCount": 0,
			"state": map[string]any{"waiting": state},
		})
	}
	w.patchStatus(ctx, pod, map[string]any{
		"conditions":        []any{condition(started)},
		"containerStatuses": statuses,
	})
}

func condition(status corev1.ConditionStatus) map[string]any {
	return map[string]any{
		"type": corev1.PodReadyToStartContainers, "status": status,
		"lastProbeTime": nil, "lastTransitionTime": time.Now().UTC().Format(time.RFC3339),
	}
}

func ready(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReadyToStartContainers {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

func waiting(pod *corev1.Pod) string {
	for _, s := range pod.Status.ContainerStatuses {
		if s.State.Waiting != nil {
			return s.State.Waiting.Reason
		}
	}
	return ""
}

func (w *watcher) patchStatus(ctx context.Context, pod *corev1.Pod, status map[string]any) {
	status["phase"] = corev1.PodPending
	patch, err := json.Marshal(map[string]any{
		// A pod that was replaced meanwhile must not get the status of the old one.
		"metadata": map[string]any{"uid": pod.UID, "resourceVersion": pod.ResourceVersion},
		"status":   status,
	})
	if err != nil {
		return
	}
	_, err = w.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{FieldManager: "kubelet"}, "status")
	if err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
		log.Printf("status of %s/%s: %v", pod.Namespace, pod.Name, err)
	}
}

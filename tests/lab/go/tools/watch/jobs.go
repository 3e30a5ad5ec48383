package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// exitCode is the annotation that tells kwok how the container of a Job ended.
const exitCode = "lab.sealwatch/exit-code"

// outcome is the annotation by which a person makes a Job's pod fail, or succeed without doing anything.
const outcome = "lab.sealwatch/outcome"

// says is the annotation with the line that such a pod logs.
const says = "lab.sealwatch/says"

func ownedByJob(pod *corev1.Pod) bool {
	for _, o := range pod.OwnerReferences {
		if o.Kind == "Job" {
			return true
		}
	}
	return false
}

func jobName(pod *corev1.Pod) string {
	for _, o := range pod.OwnerReferences {
		if o.Kind == "Job" {
			return o.Name
		}
	}
	return ""
}

// work does what the container of a Job's pod would do, once per pod.
func (w *watcher) work(ctx context.Context, pod *corev1.Pod) {
	if _, done := pod.Annotations[exitCode]; done {
		return
	}
	w.mu.Lock()
	busy := w.working[string(pod.UID)]
	w.working[string(pod.UID)] = true
	w.mu.Unlock()
	if busy {
		return
	}
	go func() {
		out := w.openLog(ctx, pod)
		code := "0"
		if err := w.run(ctx, pod, out); err != nil {
			out.line("stderr", "error: "+err.Error())
			code = "1"
		}
		out.close()
		patch := fmt.Sprintf(`{"metadata":{"uid":%q,"annotations":{%q:%q}}}`, pod.UID, exitCode, code)
		_, err := w.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "kubelet"})
		if err != nil && !apierrors.IsNotFound(err) {
			log.Printf("end of %s/%s: %v", pod.Namespace, pod.Name, err)
			w.mu.Lock()
			delete(w.working, string(pod.UID))
			w.mu.Unlock()
		}
	}()
}

func (w *watcher) run(ctx context.Context, pod *corev1.Pod, out *containerLog) error {
	job := jobName(pod)
	out.line("stdout", "starting "+job)
	if pod.Annotations[outcome] == "fail" {
		if said := pod.Annotations[says]; said != "" {
			out.line("stderr", said)
		}
		return errors.New("the pod is annotated to fail")
	}
	if pod.Annotations[outcome] == "succeed" {
		out.line("stdout", "done")
		return nil
	}
	// A CronJob adds a number to the name, a person who starts the Job by hand
	// a word; the name of the Job's kind stands in it all the same.
	switch {
	case strings.Contains(job, "client-patcher"):
		return w.write(ctx, pod, out, "client-patcher")
	case strings.Contains(job, "vault-bootstrap"):
		return w.write(ctx, pod, out, "vault-bootstrap")
	}
	out.line("stdout", "done")
	return nil
}

// write copies values from the system they come from (Keycloak, the cloud's key
// vault; here one file) into Vault.
func (w *watcher) write(ctx context.Context, pod *corev1.Pod, out *containerLog, job string) error {
	data, err := os.ReadFile(w.upstream)
	if err != nil {
		return err
	}
	var upstream map[string]map[string]map[string]string // job -> path -> property -> value
	if err := json.Unmarshal(data, &upstream); err != nil {
		return err
	}
	secret, err := w.client.CoreV1().Secrets(pod.Namespace).Get(ctx, "vault-auto-credentials", metav1.GetOptions{})
	if err != nil {
		return err
	}
	paths := make([]string, 0, len(upstream[job]))
	for p := range upstream[job] {
		paths = append(paths, p)
	}
	sort.Strings(paths)
	for _, p := range paths {
		if err := w.put(ctx, p, upstream[job][p], string(secret.Data["root-token"])); err != nil {
			return fmt.Errorf("write secret/%s: %w", p, err)
		}
		out.line("stdout", "wrote secret/"+p)
	}
	return nil
}

// put writes one path of the KV mount to the first server that takes it.
func (w *watcher) put(ctx context.Context, path string, values map[string]string, token string) error {
	body, err := json.Marshal(map[string]any{"data": values})
	if err != nil {
		return err
	}
	last := errors.New("no Vault server is known")
	for _, replica := range w.replicas {
		last = post(ctx, "http://"+replica+"/v1/secret/data/"+path, token, body)
		if last == nil {
			return nil
		}
	}
	return last
}

func post(ctx context.Context, url, token string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("X-Vault-Token", token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
	if response.StatusCode >= 300 {
		return fmt.Errorf("code %d: %s", response.StatusCode, strings.TrimSpace(string(text)))
	}
	return nil
}

// containerLog is a log file in the format that the kubelet reads.
type containerLog struct{ file *os.File }

// openLog makes the log file of a Job's container and tells kwok where it is.
func (w *watcher) openLog(ctx context.Context, pod *corev1.Pod) *containerLog {
	path := filepath.Join(w.logs, pod.Namespace+"_"+pod.Name+".log")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		log.Printf("log of %s/%s: %v", pod.Namespace, pod.Name, err)
		return &containerLog{}
	}
	logs := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Logs",
		"metadata": map[string]any{
			"name": pod.Name, "namespace": pod.Namespace,
			// Gone with its pod.
			"ownerReferences": []any{map[string]any{"apiVersion": "v1", "kind": "Pod", "name": pod.Name, "uid": string(pod.UID)}},
		},
		"spec": map[string]any{"logs": []any{map[string]any{"logsFile": path}}},
	}}
	resource := schema.GroupVersionResource{Group: "kwok.x-k8s.io", Version: "v1alpha1", Resource: "logs"}
	_, err = w.dynamic.Resource(resource).Namespace(pod.Namespace).Create(ctx, logs, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		log.Printf("log of %s/%s: %v", pod.Namespace, pod.Name, err)
	}
	return &containerLog{file: file}
}

func (l *containerLog) line(stream, text string) {
	if l.file == nil {
		return
	}
	text = strings.ReplaceAll(text, "\n", " ")
	_, _ = fmt.Fprintf(l.file, "%s %s F %s\n", time.Now().UTC().Format("2006-01-02T15:04:05.000000000Z"), stream, text)
}

func (l *containerLog) close() {
	if l.file != nil {
		_ = l.file.Close()
	}
}

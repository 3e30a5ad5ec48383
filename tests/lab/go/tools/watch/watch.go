// Package watch does by hand what no program of the lab does by itself: it
// schedules pods, looks for the Secrets a pod cannot start without, does the
// work of the two Jobs that write into Vault, and renews the service account
// tokens of the Vault pods.
//
// kwok runs no container, so these are stand-ins for scheduler, kubelet and the
// two containers. They follow the rules of the originals and write the same
// reasons and messages.
package watch

import (
	"context"
	"flag"
	"log"
	"os/signal"
	"sync"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/record"
)

type watcher struct {
	client    kubernetes.Interface
	dynamic   dynamic.Interface
	pods      corelisters.PodLister
	nodes     corelisters.NodeLister
	secrets   corelisters.SecretLister
	scheduler record.EventRecorder
	kubelet   record.EventRecorder

	replicas []string // where the Vault servers listen, host:port
	upstream string   // file with the values that the Jobs write
	logs     string   // folder of the containers' logs

	mu      sync.Mutex
	working map[string]bool // Job pods at work, by uid
	missing map[string]int  // how often a pod was found wanting, by uid
}

// Main watches until it is told to stop.
func Main(args []string) error {
	fs := flag.NewFlagSet("watch", flag.ContinueOnError)
	kubeconfig := fs.String("kubeconfig", "", "How to reach the API server.")
	upstream := fs.String("upstream", "", "JSON file with the values that the Jobs write into Vault.")
	logs := fs.String("logs", "", "Folder for the logs of the Jobs' containers.")
	tokens := fs.String("tokens", "", "Folder whose file `token` is renewed for the Vault pods.")
	account := fs.String("account", "ameide-dev/vault-core-dev", "NAMESPACE/NAME of the service account of the Vault pods.")
	var replicas repeated
	fs.Var(&replicas, "vault", "HOST:PORT of a Vault server (repeatable).")
	if err := fs.Parse(args); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	config.UserAgent = "lab-watcher"
	config.QPS, config.Burst = 100, 200
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	dyn, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()

	events := record.NewBroadcaster()
	events.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	factory := informers.NewSharedInformerFactory(client, 0)
	w := &watcher{
		client: client, dynamic: dyn,
		pods:      factory.Core().V1().Pods().Lister(),
		nodes:     factory.Core().V1().Nodes().Lister(),
		secrets:   factory.Core().V1().Secrets().Lister(),
		scheduler: events.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "default-scheduler"}),
		kubelet:   events.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "kubelet"}),
		replicas:  replicas, upstream: *upstream, logs: *logs,
		working: map[string]bool{}, missing: map[string]int{},
	}
	factory.Start(ctx.Done())
	go w.renewTokens(ctx, *account, *tokens)
	factory.WaitForCacheSync(ctx.Done())
	log.Print("watching")
	for ctx.Err() == nil {
		w.look(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

// look goes through all pods once. The lab has a few dozen of them, all in the
// informer's memory, so a short period is simpler than queues and cheap.
func (w *watcher) look(ctx context.Context) {
	pods, err := w.pods.List(labels.Everything())
	if err != nil {
		return
	}
	for _, pod := range pods {
		switch {
		case pod.DeletionTimestamp != nil:
		case pod.Spec.NodeName == "":
			w.schedule(ctx, pod)
		case pod.Status.Phase == corev1.PodPending:
			w.prepare(ctx, pod)
		case pod.Status.Phase == corev1.PodRunning && ownedByJob(pod):
			w.work(ctx, pod)
		}
	}
}

type repeated []string

func (r *repeated) String() string     { return "" }
func (r *repeated) Set(s string) error { *r = append(*r, s); return nil }

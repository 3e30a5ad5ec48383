// Command external-secrets runs the reconcilers of External Secrets 0.16.2 as
// its own command does, for the lab.
//
// The command of the project itself links forty cloud providers; this one links
// the Vault provider and the Password generator only, which is what the lab's
// world uses. Flags have the names and defaults of the original, so the
// arguments of a Deployment mean the same here.
package main

import (
	"os"
	"time"

	"github.com/spf13/pflag"
	"go.uber.org/zap/zapcore"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	esv1 "github.com/external-secrets/external-secrets/apis/externalsecrets/v1"
	esv1alpha1 "github.com/external-secrets/external-secrets/apis/externalsecrets/v1alpha1"
	genv1alpha1 "github.com/external-secrets/external-secrets/apis/generators/v1alpha1"
	"github.com/external-secrets/external-secrets/pkg/controllers/clusterexternalsecret"
	"github.com/external-secrets/external-secrets/pkg/controllers/clusterexternalsecret/cesmetrics"
	ctrlcommon "github.com/external-secrets/external-secrets/pkg/controllers/common"
	"github.com/external-secrets/external-secrets/pkg/controllers/externalsecret"
	"github.com/external-secrets/external-secrets/pkg/controllers/externalsecret/esmetrics"
	"github.com/external-secrets/external-secrets/pkg/controllers/generatorstate"
	ctrlmetrics "github.com/external-secrets/external-secrets/pkg/controllers/metrics"
	"github.com/external-secrets/external-secrets/pkg/controllers/pushsecret"
	"github.com/external-secrets/external-secrets/pkg/controllers/pushsecret/psmetrics"
	"github.com/external-secrets/external-secrets/pkg/controllers/secretstore"
	"github.com/external-secrets/external-secrets/pkg/controllers/secretstore/cssmetrics"
	"github.com/external-secrets/external-secrets/pkg/controllers/secretstore/ssmetrics"
	"github.com/external-secrets/external-secrets/pkg/feature"

	// Provider and generator register themselves when they are imported.
	_ "github.com/external-secrets/external-secrets/pkg/generator/password"
	_ "github.com/external-secrets/external-secrets/pkg/provider/vault"
)

type options struct {
	metricsAddr          string
	controllerClass      string
	leaderElection       bool
	leaderNamespace      string
	concurrent           int
	clientQPS            float32
	clientBurst          int
	logLevel             string
	storeRequeueInterval time.Duration
	floodGate            bool
}

func parseFlags() options {
	var o options
	fs := pflag.CommandLine
	fs.StringVar(&o.metricsAddr, "metrics-addr", ":8080", "The address the metric endpoint binds to.")
	fs.StringVar(&o.controllerClass, "controller-class", "default", "Reconcile only stores and ExternalSecrets of this class.")
	fs.BoolVar(&o.leaderElection, "enable-leader-election", false, "Enable leader election.")
	fs.StringVar(&o.leaderNamespace, "leader-election-namespace", "external-secrets", "Namespace of the Lease. In a pod it is the pod's own; here there is no pod to ask.")
	fs.IntVar(&o.concurrent, "concurrent", 1, "The number of concurrent reconciles.")
	fs.Float32Var(&o.clientQPS, "client-qps", 50, "QPS of the client.")
	fs.IntVar(&o.clientBurst, "client-burst", 100, "Burst of the client.")
	fs.StringVar(&o.logLevel, "loglevel", "info", "Log level.")
	fs.String("zap-time-encoding", "epoch", "Accepted so that the chart's arguments fit; the lab's log has RFC 3339 times.")
	fs.DurationVar(&o.storeRequeueInterval, "store-requeue-interval", 5*time.Minute, "Time between two checks of a store.")
	fs.BoolVar(&o.floodGate, "enable-flood-gate", true, "Reconcile an ExternalSecret only while its store is healthy or unknown.")
	for _, f := range feature.Features() {
		fs.AddFlagSet(f.Flags)
	}
	pflag.Parse()
	return o
}

func main() {
	o := parseFlags()

	level := zapcore.InfoLevel
	levelErr := level.UnmarshalText([]byte(o.logLevel))
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&zap.Options{Level: level, TimeEncoder: zapcore.RFC3339NanoTimeEncoder})))
	setup := ctrl.Log.WithName("setup")
	must := func(err error, what string) {
		if err != nil {
			setup.Error(err, what)
			os.Exit(1)
		}
	}
	must(levelErr, "unknown log level")

	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(apiextensionsv1.AddToScheme(scheme))
	utilruntime.Must(esv1.AddToScheme(scheme))
	utilruntime.Must(esv1alpha1.AddToScheme(scheme))
	utilruntime.Must(genv1alpha1.AddToScheme(scheme))

	ctrlmetrics.SetUpLabelNames(false)
	esmetrics.SetUpMetrics()
	ssmetrics.SetUpMetrics()
	cssmetrics.SetUpMetrics()
	psmetrics.SetUpMetrics()
	cesmetrics.SetUpMetrics()

	config := ctrl.GetConfigOrDie()
	config.QPS = o.clientQPS
	config.Burst = o.clientBurst
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:  scheme,
		Metrics: server.Options{BindAddress: o.metricsAddr},
		// As in the original: Secrets and ConfigMaps are read from the API, not
		// from a cache of all of them.
		Client:                  client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}, &corev1.ConfigMap{}}}},
		LeaderElection:          o.leaderElection,
		LeaderElectionID:        "external-secrets-controller",
		LeaderElectionNamespace: o.leaderNamespace,
	})
	must(err, "unable to create the manager")
	secretClient, err := ctrlcommon.BuildManagedSecretClient(mgr, "")
	must(err, "unable to create the client for managed secrets")

	// Each controller has its own limiter: back-off is counted per object and
	// the bucket is per controller, as in the original.
	controllerOptions := func() controller.Options {
		return controller.Options{MaxConcurrentReconciles: o.concurrent, RateLimiter: ctrlcommon.BuildRateLimiter()}
	}
	log := ctrl.Log.WithName("controllers")
	must((&secretstore.StoreReconciler{
		Client: mgr.GetClient(), Log: log.WithName("SecretStore"), Scheme: scheme,
		ControllerClass: o.controllerClass, RequeueInterval: o.storeRequeueInterval,
	}).SetupWithManager(mgr, controllerOptions()), "unable to create the SecretStore controller")
	must((&secretstore.ClusterStoreReconciler{
		Client: mgr.GetClient(), Log: log.WithName("ClusterSecretStore"), Scheme: scheme,
		ControllerClass: o.controllerClass, RequeueInterval: o.storeRequeueInterval,
	}).SetupWithManager(mgr, controllerOptions()), "unable to create the ClusterSecretStore controller")
	must((&generatorstate.Reconciler{
		Client: mgr.GetClient(), Log: log.WithName("GeneratorState"), Scheme: scheme, RestConfig: mgr.GetConfig(),
	}).SetupWithManager(mgr, controllerOptions()), "unable to create the GeneratorState controller")
	must((&externalsecret.Reconciler{
		Client: mgr.GetClient(), SecretClient: secretClient, Log: log.WithName("ExternalSecret"), Scheme: scheme,
		RestConfig: mgr.GetConfig(), ControllerClass: o.controllerClass, RequeueInterval: time.Hour,
		ClusterSecretStoreEnabled: true, EnableFloodGate: o.floodGate,
	}).SetupWithManager(mgr, controllerOptions()), "unable to create the ExternalSecret controller")
	must((&pushsecret.Reconciler{
		Client: mgr.GetClient(), Log: log.WithName("PushSecret"), Scheme: scheme,
		ControllerClass: o.controllerClass, RestConfig: mgr.GetConfig(), RequeueInterval: time.Hour,
	}).SetupWithManager(mgr, controllerOptions()), "unable to create the PushSecret controller")
	must((&clusterexternalsecret.Reconciler{
		Client: mgr.GetClient(), Log: log.WithName("ClusterExternalSecret"), Scheme: scheme, RequeueInterval: time.Hour,
	}).SetupWithManager(mgr, controllerOptions()), "unable to create the ClusterExternalSecret controller")

	for _, f := range feature.Features() {
		if f.Initialize != nil {
			f.Initialize()
		}
	}
	setup.Info("starting manager")
	must(mgr.Start(ctrl.SetupSignalHandler()), "the manager ended")
}

// Command vault serves the core of HashiCorp Vault 1.21.4 as one node, for the
// lab.
//
// The whole command does not build outside its repository. Its core does, and
// the core is what answers everything the console asks: seal-status, unseal by
// shares, KV version 2, sys/internal/ui/mounts, the login of kubernetes auth.
// Storage is files (the raft storage of the core is not wired here), so there is
// one node and no HA.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	kubeauth "github.com/hashicorp/vault-plugin-auth-kubernetes"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/audit"
	"github.com/hashicorp/vault/helper/testhelpers/corehelpers"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/file"
	"github.com/hashicorp/vault/vault"
)

func main() {
	address := flag.String("address", "127.0.0.1:8200", "Address to listen on.")
	storage := flag.String("storage", "", "Folder of the storage.")
	flag.Parse()
	if err := run(*address, *storage); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(address, storage string) error {
	// The core reads its log through an intercept logger: sys/monitor panics
	// with any other.
	logger := hclog.NewInterceptLogger(&hclog.LoggerOptions{Name: "vault", Level: hclog.Info, Output: os.Stdout})

	backend, err := file.NewFileBackend(map[string]string{"path": storage}, logger)
	if err != nil {
		return fmt.Errorf("open the storage: %w", err)
	}
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical:        backend,
		StorageType:     "file",
		DisableMlock:    true,
		Logger:          logger,
		RedirectAddr:    "http://" + address,
		ClusterName:     "vault-cluster-lab",
		BuiltinRegistry: corehelpers.NewMockBuiltinRegistry(),
		AuditBackends:   map[string]audit.Factory{"file": audit.NewFileBackend},
		LogicalBackends: map[string]logical.Factory{
			"kv": kv.Factory,
		},
		CredentialBackends: map[string]logical.Factory{
			"kubernetes": kubeauth.Factory,
		},
		DefaultLeaseTTL: 768 * time.Hour,
		MaxLeaseTTL:     768 * time.Hour,
	})
	if err != nil {
		return fmt.Errorf("create the core: %w", err)
	}

	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: vaulthttp.Handler.Handler(&vault.HandlerProperties{
			Core:           core,
			ListenerConfig: &configutil.Listener{Type: "tcp", Address: address, TLSDisable: true},
		}),
		ReadHeaderTimeout: 10 * time.Second,
	}
	logger.Info("listening", "address", address)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	select {
	case err := <-failed:
		return err
	case <-stop:
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		_ = server.Close()
	}
	return core.Shutdown()
}

package watch

import (
	"context"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// renewTokens keeps the token of the Vault pods' service account fresh, as the
// kubelet does for a projected volume. Vault reads the file again each minute.
func (w *watcher) renewTokens(ctx context.Context, account, dir string) {
	namespace, name, _ := strings.Cut(account, "/")
	seconds := int64(3600)
	for ctx.Err() == nil {
		pause := 30 * time.Minute
		request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
		answer, err := w.client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, request, metav1.CreateOptions{})
		if err == nil {
			err = replace(filepath.Join(dir, "token"), answer.Status.Token)
		}
		if err != nil {
			log.Printf("token of %s: %v", account, err)
			pause = 200 * time.Millisecond
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// replace writes a file so that a reader never sees half of it.
func replace(path, text string) error {
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

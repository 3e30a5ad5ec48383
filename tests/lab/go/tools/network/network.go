// Package network is the network of the lab's cluster: a name server that knows
// the Services, and what kube-proxy does, on loopback.
//
// Each Service gets a loopback address of the lab's own block. A connection to
// that address and a port of the Service is passed to one of the pods behind it,
// each in turn. The pods themselves are kwok's and run nothing; a file says at
// which loopback address the real server of a pod listens.
//
// Only processes whose resolv.conf names this server can resolve a Service: for
// every other program of the machine the names do not exist, as in life.
package network

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/tools/clientcmd"
)

type fixed map[string]string

func (f fixed) String() string { return fmt.Sprint(map[string]string(f)) }
func (f fixed) Set(s string) error {
	name, address, ok := strings.Cut(s, "=")
	if !ok {
		return errors.New("want NAMESPACE/SERVICE=ADDRESS")
	}
	f[name] = address
	return nil
}

// Main serves until it is told to stop.
func Main(args []string) error {
	fs := flag.NewFlagSet("network", flag.ContinueOnError)
	kubeconfig := fs.String("kubeconfig", "", "How to reach the API server.")
	listen := fs.String("dns", "", "Address of the name server.")
	block := fs.String("block", "", "First three numbers of the lab's block, as 127.64.0.")
	backends := fs.String("backends", "", "JSON file: where the real server of a pod listens, by NAMESPACE/POD.")
	services := fixed{}
	fs.Var(services, "service", "NAMESPACE/SERVICE=ADDRESS: a Service whose address is settled beforehand (repeatable).")
	outside := fixed{}
	fs.Var(outside, "outside", "NAMESPACE/SERVICE=ADDRESS: a Service that something else serves (repeatable).")
	if err := fs.Parse(args); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	config.UserAgent = "lab-network"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()

	factory := informers.NewSharedInformerFactory(client, 0)
	n := &network{
		services:  factory.Core().V1().Services().Lister(),
		slices:    factory.Discovery().V1().EndpointSlices().Lister(),
		backends:  *backends,
		block:     *block,
		addresses: map[string]string{},
		doors:     map[string]*door{},
		down:      map[string]bool{},
	}
	for name, address := range services {
		n.addresses[name] = address
	}
	n.outside = outside
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())

	go func() {
		if err := n.serveNames(ctx, *listen); err != nil {
			log.Fatalf("the name server ended: %v", err)
		}
	}()
	log.Printf("name server on %s", *listen)
	for ctx.Err() == nil {
		n.settle(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
	return nil
}

type network struct {
	services corelisters.ServiceLister
	slices   discoverylisters.EndpointSliceLister
	backends string
	block    string
	outside  map[string]string

	mu        sync.Mutex
	addresses map[string]string // Service -> loopback address
	doors     map[string]*door  // address:port -> listener
	down      map[string]bool   // pods' addresses that refused a connection
}

// door is one listener of one port of one Service.
type door struct {
	listener net.Listener
	pods     []string
	next     int
}

// address gives a Service its address. The fourth number starts at 120 so that
// it never meets one that the lab hands out itself.
func (n *network) address(service string) string {
	if a, ok := n.outside[service]; ok {
		return a
	}
	if a, ok := n.addresses[service]; ok {
		return a
	}
	taken := map[string]bool{}
	for _, a := range n.addresses {
		taken[a] = true
	}
	for i := 120; i < 250; i++ {
		a := fmt.Sprintf("%s.%d", n.block, i)
		if !taken[a] {
			n.addresses[service] = a
			return a
		}
	}
	return ""
}

// settle brings the listeners in line with Services and EndpointSlices.
func (n *network) settle(ctx context.Context) {
	where := map[string]string{}
	if data, err := os.ReadFile(n.backends); err == nil {
		if err := json.Unmarshal(data, &where); err != nil {
			log.Printf("%s: %v", n.backends, err)
		}
	}
	services, err := n.services.List(labels.Everything())
	if err != nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.probe()
	wanted := map[string][]string{}
	for _, s := range services {
		name := s.Namespace + "/" + s.Name
		if s.Spec.ClusterIP == corev1.ClusterIPNone || len(s.Spec.Selector) == 0 {
			continue
		}
		for _, port := range s.Spec.Ports {
			pods := n.pods(s, port, where)
			// Where nothing listens behind the Service, kube-proxy refuses; so
			// does an address without a listener.
			if slices.ContainsFunc(pods, func(p string) bool { return !n.down[p] }) {
				wanted[fmt.Sprintf("%s:%d", n.address(name), port.Port)] = pods
			}
		}
	}
	for at, d := range n.doors {
		if _, ok := wanted[at]; !ok {
			log.Printf("%s: nothing behind it, closed", at)
			_ = d.listener.Close()
			delete(n.doors, at)
		}
	}
	for at, pods := range wanted {
		if d, ok := n.doors[at]; ok {
			d.pods = pods
			continue
		}
		l, err := net.Listen("tcp", at)
		if err != nil {
			log.Printf("%s: %v", at, err)
			continue
		}
		log.Printf("%s: open for %v", at, pods)
		d := &door{listener: l, pods: pods}
		n.doors[at] = d
		go n.accept(ctx, d)
	}
}

// pods lists the addresses of the real servers behind a port of a Service.
func (n *network) pods(s *corev1.Service, port corev1.ServicePort, where map[string]string) []string {
	list, err := n.slices.EndpointSlices(s.Namespace).List(labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: s.Name}))
	if err != nil {
		return nil
	}
	var out []string
	for _, slice := range list {
		for _, p := range slice.Ports {
			if p.Port == nil || (p.Name != nil && *p.Name != port.Name) {
				continue
			}
			for _, e := range slice.Endpoints {
				ready := e.Conditions.Ready == nil || *e.Conditions.Ready
				if !ready || e.TargetRef == nil {
					continue
				}
				if a, ok := where[e.TargetRef.Namespace+"/"+e.TargetRef.Name]; ok {
					out = append(out, fmt.Sprintf("%s:%d", a, *p.Port))
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// probe looks again at the servers that refused a connection. Servers that
// answer are never probed, so that nothing but clients connects to them.
func (n *network) probe() {
	for address := range n.down {
		c, err := net.DialTimeout("tcp", address, 50*time.Millisecond)
		if err == nil {
			_ = c.Close()
			delete(n.down, address)
			log.Printf("%s answers again", address)
		}
	}
}

func (n *network) accept(ctx context.Context, d *door) {
	for {
		c, err := d.listener.Accept()
		if err != nil {
			return
		}
		n.mu.Lock()
		pod := d.pods[d.next%len(d.pods)]
		d.next++
		n.mu.Unlock()
		go n.pass(ctx, c, pod)
	}
}

// pass connects a client with the server of one pod. A server that refuses is
// not replaced by another one: kube-proxy does not try again either.
func (n *network) pass(ctx context.Context, client net.Conn, pod string) {
	server, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", pod)
	if err != nil {
		n.mu.Lock()
		n.down[pod] = true
		n.mu.Unlock()
		if tcp, ok := client.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // the client sees a reset, not an end
		}
		_ = client.Close()
		return
	}
	done := make(chan struct{}, 2)
	half := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		if tcp, ok := to.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
		done <- struct{}{}
	}
	go half(server, client)
	go half(client, server)
	<-done
	<-done
	_ = client.Close()
	_ = server.Close()
}

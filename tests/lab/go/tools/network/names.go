package network

import (
	"context"
	"net"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

const domain = ".svc.cluster.local."

// serveNames answers A questions for `<service>.<namespace>.svc.cluster.local`
// and says NXDOMAIN to everything else. Search domains are the client's work.
func (n *network) serveNames(ctx context.Context, address string) error {
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	go func() {
		<-ctx.Done()
		_ = conn.Close()
	}()
	buffer := make([]byte, 1500)
	for {
		size, from, err := conn.ReadFrom(buffer)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if answer := n.answer(buffer[:size]); answer != nil {
			_, _ = conn.WriteTo(answer, from)
		}
	}
}

func (n *network) answer(query []byte) []byte {
	var parser dnsmessage.Parser
	header, err := parser.Start(query)
	if err != nil {
		return nil
	}
	question, err := parser.Question()
	if err != nil {
		return nil
	}
	ip := n.lookup(strings.ToLower(question.Name.String()))
	code := dnsmessage.RCodeSuccess
	if ip == nil {
		code = dnsmessage.RCodeNameError
	}
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{
		ID: header.ID, Response: true, Authoritative: true,
		RecursionDesired: header.RecursionDesired, RecursionAvailable: true, RCode: code,
	})
	b.EnableCompression()
	if b.StartQuestions() != nil || b.Question(question) != nil || b.StartAnswers() != nil {
		return nil
	}
	if ip != nil && question.Type == dnsmessage.TypeA {
		err := b.AResource(
			dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: 5},
			dnsmessage.AResource{A: [4]byte(ip)})
		if err != nil {
			return nil
		}
	}
	message, err := b.Finish()
	if err != nil {
		return nil
	}
	return message
}

func (n *network) lookup(name string) net.IP {
	prefix, ok := strings.CutSuffix(name, domain)
	if !ok {
		return nil
	}
	service, namespace, ok := strings.Cut(prefix, ".")
	if !ok || strings.Contains(namespace, ".") {
		return nil
	}
	if _, err := n.services.Services(namespace).Get(service); err != nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return net.ParseIP(n.address(namespace + "/" + service)).To4()
}

// kube is what the integration tests take for a Kubernetes cluster: the real kube-apiserver on a real, embedded etcd, and
// with -controllers the real kube-controller-manager. No kubelet, so no Pod ever runs.
//
//	kube -dir DIR [-port N] [-controllers] [-- flags for kube-apiserver]
//
// DIR keeps everything: a second start on the same DIR and port goes on with the same objects, keys and tokens, which is how a
// test restarts an API server. When it serves, it has written DIR/kubeconfig (cluster-admin) and prints a line with READY.
package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

const startDeadline = 90 * time.Second

func main() {
	log.SetFlags(0)
	log.SetPrefix("kube: ")
	if len(os.Args) > 1 && os.Args[1] == "controllers" {
		command := controllermanager.NewControllerManagerCommand()
		command.SetArgs(os.Args[2:])
		if err := command.Execute(); err != nil {
			log.Fatal(err)
		}
		return
	}
	dir := flag.String("dir", "", "directory of everything that is kept")
	port := flag.Int("port", 0, "HTTPS port on 127.0.0.1; 0 takes a free one")
	controllers := flag.Bool("controllers", false, "run the controllers of namespaces, owners, service accounts, Deployments and Jobs too")
	flag.Parse()
	if *dir == "" {
		log.Fatal("-dir is missing")
	}
	if err := run(*dir, *port, *controllers, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

func run(dir string, port int, controllers bool, extra []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	store, err := startEtcd(filepath.Join(dir, "etcd"))
	if err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	defer store.Close()
	if port == 0 {
		port = freePort()
	}
	signingKey, err := signingKeyIn(dir)
	if err != nil {
		return err
	}
	token, tokens, err := adminTokenIn(dir)
	if err != nil {
		return err
	}

	command := apiserver.NewAPIServerCommand()
	command.SetArgs(append([]string{
		"--etcd-servers=" + store.Config().AdvertiseClientUrls[0].String(),
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		"--cert-dir=" + filepath.Join(dir, "certs"),
		"--token-auth-file=" + tokens,
		"--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + signingKey,
		"--service-account-signing-key-file=" + signingKey,
		"--service-cluster-ip-range=10.0.0.0/24",
		"--endpoint-reconciler-type=none",
		// It would refuse every Pod of a namespace whose default account no controller has made.
		"--disable-admission-plugins=ServiceAccount",
	}, extra...))
	ended := make(chan error, 1)
	go func() { ended <- command.ExecuteContext(ctx) }()

	cluster := cluster{server: fmt.Sprintf("https://127.0.0.1:%d", port), token: token}
	if err := await(ended, func() bool { return cluster.answers("/readyz") }); err != nil {
		return err
	}
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := cluster.writeKubeconfig(kubeconfig, filepath.Join(dir, "certs", "apiserver.crt")); err != nil {
		return err
	}
	if controllers {
		child, err := startControllers(ctx, dir, kubeconfig, signingKey)
		if err != nil {
			return err
		}
		defer func() { stop(); _ = child.Wait() }()
		account := "/api/v1/namespaces/default/serviceaccounts/default"
		if err := await(ended, func() bool { return cluster.answers(account) }); err != nil {
			return fmt.Errorf("the controllers made no default service account (see controllers.log): %w", err)
		}
	}
	fmt.Println("READY", cluster.server)
	return <-ended
}

// startEtcd opens the store and waits for it. Writes are not synced: a test kills processes, not the machine.
func startEtcd(dir string) (*embed.Etcd, error) {
	config := embed.NewConfig()
	config.Dir = dir
	config.LogLevel = "error"
	config.UnsafeNoFsync = true
	config.TickMs, config.ElectionMs = 10, 100 // the only member elects itself ten times sooner
	clients := []url.URL{{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", freePort())}}
	peers := []url.URL{{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", freePort())}}
	config.ListenClientUrls, config.AdvertiseClientUrls = clients, clients
	config.ListenPeerUrls, config.AdvertisePeerUrls = peers, peers
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	store, err := embed.StartEtcd(config)
	if err != nil {
		return nil, err
	}
	select {
	case <-store.Server.ReadyNotify():
		return store, nil
	case err := <-store.Err():
		return nil, err
	case <-time.After(startDeadline):
		return nil, errors.New("not ready in time")
	}
}

// startControllers runs this binary again: both commands register the same global flags and metrics, so one process cannot
// hold them. The kernel ends the child with the thread that made it, hence the lock.
func startControllers(ctx context.Context, dir, kubeconfig, signingKey string) (*exec.Cmd, error) {
	runtime.LockOSThread()
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	output, err := os.Create(filepath.Join(dir, "controllers.log"))
	if err != nil {
		return nil, err
	}
	child := exec.CommandContext(ctx, self, "controllers",
		"--kubeconfig="+kubeconfig, "--leader-elect=false", "--secure-port=0", "--namespace-sync-period=5s",
		"--service-account-private-key-file="+signingKey,
		"--controllers="+strings.Join([]string{
			"namespace-controller", "garbage-collector-controller", "serviceaccount-controller",
			"deployment-controller", "replicaset-controller", "job-controller",
		}, ","))
	child.Stdout, child.Stderr = output, output
	child.Cancel = func() error { return child.Process.Signal(syscall.SIGTERM) }
	child.WaitDelay = 5 * time.Second
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return child, child.Start()
}

type cluster struct{ server, token string }

// answers tells whether a GET of path, by the administrator, gets 200. The certificate is not known yet when it is asked first.
func (c cluster) answers(path string) bool {
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true,
	}}
	request, err := http.NewRequest(http.MethodGet, c.server+path, nil)
	if err != nil {
		return false
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err == nil && response.StatusCode == http.StatusOK
}

// writeKubeconfig writes JSON, which is YAML as well. The server's self-signed certificate file carries its own authority.
func (c cluster) writeKubeconfig(path, certificate string) error {
	authority, err := os.ReadFile(certificate)
	if err != nil {
		return err
	}
	type object = map[string]any
	text, err := json.MarshalIndent(object{
		"apiVersion":      "v1",
		"kind":            "Config",
		"current-context": "admin",
		"clusters":        []object{{"name": "test", "cluster": object{"server": c.server, "certificate-authority-data": authority}}},
		"users":           []object{{"name": "admin", "user": object{"token": c.token}}},
		"contexts":        []object{{"name": "admin", "context": object{"cluster": "test", "user": "admin"}}},
	}, "", "  ")
	if err != nil {
		return err
	}
	return writeWhole(path, text)
}

// signingKeyIn is the path of the key that signs service account tokens, made at the first start.
func signingKeyIn(dir string) (string, error) {
	path := filepath.Join(dir, "sa.key")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", err
	}
	return path, writeWhole(path, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

// adminTokenIn is the administrator's token and the path of kube-apiserver's file of it, made at the first start.
func adminTokenIn(dir string) (token, path string, err error) {
	path = filepath.Join(dir, "tokens.csv")
	if line, err := os.ReadFile(path); err == nil {
		token, _, _ = strings.Cut(string(line), ",")
		return token, path, nil
	}
	token = rand.Text()
	return token, path, writeWhole(path, []byte(token+",admin,admin,system:masters\n"))
}

// writeWhole writes a file that a reader sees whole or not at all.
func writeWhole(path string, bytes []byte) error {
	if err := os.WriteFile(path+".new", bytes, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// await polls until ok, the server's end, or the deadline.
func await(ended <-chan error, ok func() bool) error {
	deadline := time.After(startDeadline)
	for !ok() {
		select {
		case err := <-ended:
			return fmt.Errorf("kube-apiserver ended too early: %w", err)
		case <-deadline:
			return errors.New("not ready in time")
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

func freePort() int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

package grpcbearer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/bearer/bearertest"
	grpcbearer "github.com/sluicehq/sluice/bearer/examples/grpc"
)

// greeter answers for the users kermit knows: SERVING when the token is his.
type greeter struct {
	healthpb.UnimplementedHealthServer
}

func (greeter) Check(ctx context.Context, _ *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	if bearer.FromContext(ctx).Username == "kermit" {
		return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}, nil
	}
	return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_UNKNOWN}, nil
}

func (greeter) Watch(_ *healthpb.HealthCheckRequest, stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
	if err := stream.Send(&healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return status.FromContextError(stream.Context().Err()).Err()
}

// start serves greeter behind the check and returns a client of it.
func start(tokens bearertest.Tokens) (client healthpb.HealthClient, stop func(), err error) {
	server, err := bearer.New(bearer.Config{Validator: tokens, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, nil, err
	}
	check := &grpcbearer.Check{Server: server, Needs: map[string][]bearer.Option{
		healthpb.Health_Watch_FullMethodName: {bearer.Scope("watch")},
	}}
	listener := bufconn.Listen(1 << 16)
	s := grpc.NewServer(grpc.UnaryInterceptor(check.Unary), grpc.StreamInterceptor(check.Stream))
	healthpb.RegisterHealthServer(s, greeter{})
	go func() { _ = s.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:bearer", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	return healthpb.NewHealthClient(conn), func() {
		_ = conn.Close()
		s.Stop()
	}, err
}

func with(ctx context.Context, headers ...string) context.Context {
	for _, h := range headers {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", h)
	}
	return ctx
}

func setup(t *testing.T) healthpb.HealthClient {
	t.Helper()
	client, stop, err := start(bearertest.Tokens{
		"kermit":  {Username: "kermit", Scopes: []string{"watch"}, Expiry: time.Now().Add(time.Hour)},
		"gonzo":   {Username: "gonzo"},
		"expired": {Username: "kermit", Expiry: time.Now().Add(-time.Hour)},
		"bound":   {Username: "kermit", Confirmation: []byte(`{"jkt":"x"}`)},
		"ending":  {Username: "kermit", Scopes: []string{"watch"}, Expiry: time.Now().Add(2 * time.Second)},
		"down":    nil,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return client
}

func TestUnary(t *testing.T) {
	t.Parallel()
	client := setup(t)
	for name, c := range map[string]struct {
		headers []string
		code    codes.Code
	}{
		"valid":               {[]string{"Bearer kermit"}, codes.OK},
		"in small letters":    {[]string{"bearer kermit"}, codes.OK},
		"none":                {nil, codes.Unauthenticated},
		"another scheme":      {[]string{"Basic a2VybWl0OmdyZWVu"}, codes.Unauthenticated},
		"unknown":             {[]string{"Bearer nobody"}, codes.Unauthenticated},
		"expired":             {[]string{"Bearer expired"}, codes.Unauthenticated},
		"bound to a key":      {[]string{"Bearer bound"}, codes.Unauthenticated},
		"two":                 {[]string{"Bearer kermit", "Bearer gonzo"}, codes.InvalidArgument},
		"cannot be known now": {[]string{"Bearer down"}, codes.Unavailable},
	} {
		var trailer metadata.MD
		answer, err := client.Check(with(t.Context(), c.headers...), &healthpb.HealthCheckRequest{}, grpc.Trailer(&trailer))
		if status.Code(err) != c.code || (err == nil && answer.GetStatus() != healthpb.HealthCheckResponse_SERVING) {
			t.Errorf("%s: %v %v, want %s", name, answer, err, c.code)
		}
		if retry := trailer.Get("retry-after"); (c.code == codes.Unavailable) != (len(retry) == 1) {
			t.Errorf("%s: retry-after %v", name, retry)
		}
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	client := setup(t)
	watch := func(token string) (healthpb.Health_WatchClient, error) {
		stream, err := client.Watch(with(t.Context(), "Bearer "+token), &healthpb.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = stream.Recv()
		return stream, err
	}
	if _, err := watch("kermit"); err != nil {
		t.Errorf("with the scope: %v", err)
	}
	if _, err := watch("gonzo"); status.Code(err) != codes.PermissionDenied {
		t.Errorf("without the scope: %v", err)
	}
	stream, err := watch("ending")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err == nil || errors.Is(err, io.EOF) || status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("when the token ends: %v", err)
	}
}

// A server whose every method needs a token.
func Example() {
	client, stop, err := start(bearertest.Tokens{"good": {Username: "kermit"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	for _, token := range []string{"good", "bad"} {
		answer, err := client.Check(with(context.Background(), "Bearer "+token), &healthpb.HealthCheckRequest{})
		fmt.Println(token, answer.GetStatus(), status.Code(err))
	}
	// Output:
	// good SERVING OK
	// bad UNKNOWN Unauthenticated
}

// Package grpcbearer shows how a gRPC server checks bearer tokens with package
// bearer: copy it and adapt what each method asks for. It is a module of its own, so
// that whoever imports bearer does not take gRPC along.
package grpcbearer

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/sluicehq/sluice/bearer"
)

// Check is the check of one gRPC server.
type Check struct {
	// Server decides about tokens.
	Server *bearer.Server
	// Needs are what a method asks for beside a valid token, by its full name
	// ("/package.Service/Method"). A method that is not named needs no more.
	Needs map[string][]bearer.Option
}

// Unary is the interceptor for calls with one request and one answer.
func (c *Check) Unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	ctx, err := c.admit(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	return next(ctx, request)
}

// Stream is the interceptor for the others. The token is checked when the stream
// begins; the stream ends with the token.
func (c *Check) Stream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	ctx, err := c.admit(stream.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	if end := bearer.FromContext(ctx).Expiry; !end.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end)
		defer cancel()
	}
	return next(server, admitted{stream, ctx})
}

// admitted is a stream whose context carries the token.
type admitted struct {
	grpc.ServerStream
	ctx context.Context
}

// Context is the stream's.
func (s admitted) Context() context.Context { return s.ctx }

// admit returns a context that carries the caller's token; bearer.FromContext reads
// it.
func (c *Check) admit(ctx context.Context, method string) (context.Context, error) {
	raw, err := token(ctx)
	if err != nil {
		return nil, err
	}
	t, err := c.Server.AuthenticateToken(ctx, raw)
	if err == nil {
		err = c.Server.Authorize(t, c.Needs[method]...)
	}
	if err != nil {
		return nil, refusal(ctx, err)
	}
	return bearer.NewContext(ctx, t), nil
}

// token reads the one authorization header; without one, it is empty.
func token(ctx context.Context) (string, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	headers := md.Get("authorization")
	if len(headers) == 0 {
		return "", nil
	}
	if len(headers) > 1 {
		return "", status.Error(codes.InvalidArgument, "more than one authorization header")
	}
	scheme, raw, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", nil
	}
	return strings.Trim(raw, " "), nil
}

// refusal tells a caller what the failure table says, in gRPC's codes: what is bad is
// Unauthenticated, what cannot be known now is Unavailable and may be tried again.
func refusal(ctx context.Context, err error) error {
	var e *bearer.Error
	if !errors.As(err, &e) {
		return status.Error(codes.Unavailable, "the token cannot be checked now")
	}
	if e.RetryAfter > 0 { // a hint; that it cannot be sent changes nothing
		_ = grpc.SetTrailer(ctx, metadata.Pairs("retry-after", strconv.Itoa(int(e.RetryAfter/time.Second))))
	}
	return status.Error(code(e.Status), e.Error())
}

func code(httpStatus int) codes.Code {
	switch httpStatus {
	case http.StatusBadRequest:
		return codes.InvalidArgument
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	}
	return codes.Unavailable
}

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-connect/sluice/web/publish"
)

// Limits of the HTTP server. All requests are small and have no body.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 15 * time.Second
	idleTimeout       = 60 * time.Second
	maxHeaderBytes    = 64 << 10
)

func main() {
	// The first signal starts the graceful stop and takes the handler away, so that a second one ends the process at once (invariant 6).
	ctx, release := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, release)
	if err := newCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "sluice-web:", err)
		os.Exit(1)
	}
}

func newCommand() *cobra.Command {
	var s settings
	cmd := &cobra.Command{
		Use:   "sluice-web",
		Short: "Serve a page that asks for a favourite colour, and publish every pick to Kafka",
		Long: `Serve a page that asks for a favourite colour, and publish every pick to Kafka.

The page answers at once whether or not Kafka does: picks wait in a bounded buffer.
Every flag can also be given by the environment variable named in brackets.`,
		Args:              cobra.NoArgs,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fromEnvironment(cmd.Flags(), os.LookupEnv); err != nil {
				return err
			}
			if err := s.check(); err != nil {
				return err
			}
			return run(cmd.Context(), s, s.logger(cmd), func(net.Addr) {})
		},
	}
	cmd.Flags().SortFlags = false
	s.declare(cmd.Flags())
	return cmd
}

// run serves until ctx ends and then stops gracefully. serving is called with the address once requests are answered.
func run(ctx context.Context, s settings, logger *slog.Logger, serving func(net.Addr)) error {
	properties, err := s.producerProperties()
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.listen)
	if err != nil {
		return fmt.Errorf("cannot listen on %s, set by %s: %w", s.listen, named("listen"), rootCause(err))
	}
	pub, err := publish.New(publish.Config{
		BootstrapServers: s.bootstrapServers,
		Topic:            s.topic,
		BufferEvents:     s.bufferEvents,
		BufferBytes:      s.bufferBytes,
		Properties:       properties,
		Logger:           logger,
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := &http.Server{
		Handler:           newHandler(s, pub, time.Now, logger),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	logger.Info("serving", "address", "http://"+listener.Addr().String(), "topic", s.topic, "bootstrapServers", s.bootstrapServers)
	serving(listener.Addr())

	var failure error
	select {
	case <-ctx.Done():
		logger.Info("stopping", "timeout", s.shutdownTimeout, "buffered", pub.Counts().Buffered)
	case err := <-served:
		served <- err
		failure = fmt.Errorf("serve on %s: %w", s.listen, err)
	}
	stop(server, pub, s.shutdownTimeout, logger)
	if err := <-served; failure == nil && !errors.Is(err, http.ErrServerClosed) {
		failure = fmt.Errorf("serve on %s: %w", s.listen, err)
	}
	return failure
}

// stop finishes open requests, then delivers what is buffered, within one deadline for both (invariant 6).
func stop(server *http.Server, pub *publish.Publisher, timeout time.Duration, logger *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		logger.Warn("requests were cut off", "error", err)
		_ = server.Close() // what is still open is cut off, which is said above
	}
	lost := pub.Close(ctx)
	c := pub.Counts()
	args := []any{"accepted", c.Accepted, "delivered", c.Delivered, "failed", c.Failed, "dropped", c.Dropped}
	if lost > 0 {
		logger.Error("stopped before all events were delivered", append([]any{"undelivered", lost}, args...)...)
		return
	}
	logger.Info("stopped, nothing left in the buffer", args...)
}

// rootCause strips the wrapping that repeats the address.
func rootCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

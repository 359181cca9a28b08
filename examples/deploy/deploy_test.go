package deploy

import (
	"log/slog"
	"net/url"
	"testing"

	"github.com/sluice-connect/sluice/worker/config"
)

func TestProperties(t *testing.T) {
	t.Setenv("KAFKA_BOOTSTRAP", "kafka:9092")
	t.Setenv("SLUICE_HOST", "sluice-0.sluice")
	w, err := config.LoadWorker("worker.properties", slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	if got := w.Advertised([]*url.URL{{Scheme: "http", Host: "0.0.0.0:8083"}}); got != "http://sluice-0.sluice:8083/" {
		t.Errorf("advertised as %s", got)
	}
	if w.BootstrapServers[0] != "kafka:9092" {
		t.Errorf("Kafka at %v", w.BootstrapServers)
	}
}

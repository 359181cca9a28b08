// Package deploy has what it takes to run a cluster of workers: properties, a systemd unit, an image and a Kubernetes manifest. The test
// holds the properties against those that a worker knows.
package deploy

// Package client speaks Kafka Connect's REST API from Go, to sluice or to Kafka Connect: one method for each operation,
// with the types of package api.
//
//	c, err := client.New(client.Config{URLs: []string{"http://connect-1:8083", "http://connect-2:8083"}})
//	…
//	status, err := c.Status(ctx, "orders")
//	if client.IsNotFound(err) { … }
//
// # Invariants
//
//  1. A call ends within its context and within Config.Timeout, with all its retries and waits.
//  2. A request is sent again only where that does no harm: where no connection came about, where the worker says that it
//     did nothing (503, it is starting; 409, the cluster is rebalancing), and for GET, PUT and PATCH where the connection
//     broke. First the other workers are asked, then it waits.
//  3. A name may hold any character: it is one segment of the path, percent-encoded. An empty one is refused, because it
//     would name something else.
//  4. An answer other than 2xx is an *Error, and no answer an *Unreachable, so that no caller takes it for a result.
//  5. Credentials are in no error.
//  6. A Client may be used by any number of goroutines.
//
// # Neighbours
//
// The command line (worker) is built on it. Package api declares the types, and serves what is asked for here.
package client

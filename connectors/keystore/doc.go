// Package keystore reads the files in which users of Java keep keys and certificates for TLS: PKCS12, JKS and PEM.
//
// # Invariants
//
//  1. What a file begins with tells its form, not what a setting calls it: Java, too, takes PKCS12 for what is declared to be
//     JKS, and the other way round.
//  2. A key comes with its own certificate first, whatever the order in the file.
//  3. Errors name the file and the setting to correct. They never hold a password.
//
// # Neighbours
//
// api reads with it what its listeners show and trust, worker/config what the Kafka clients do, connectors/elasticsearch what it shows
// and trusts towards the service.
package keystore

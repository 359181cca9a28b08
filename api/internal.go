package api

import (
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
)

// Workers of Kafka Connect ask each other to take configurations of tasks and to fence producers, in requests that they sign.
// This worker has no use for them and no key, so that no signature is valid.

// The algorithms of signatures that every JVM has.
var macAlgorithms = []string{"HmacMD5", "HmacSHA1", "HmacSHA224", "HmacSHA256", "HmacSHA384", "HmacSHA512"}

func putTasks(h Herder, r *http.Request) (answer, error) {
	body, err := readBody(r)
	if err != nil {
		return answer{}, err
	}
	if len(body) > 0 {
		raw, err := parseBody(body)
		if err != nil {
			return answer{}, err
		}
		if kind := jsonKind(raw); kind != "an array" && kind != "null" {
			return answer{}, badRequest("the request body is %s: expected a JSON array with the configurations of tasks", kind)
		}
	}
	return fence(h, r)
}

func fence(_ Herder, r *http.Request) (answer, error) {
	signature, algorithm := r.Header.Get("X-Connect-Authorization"), r.Header.Get("X-Connect-Request-Signature-Algorithm")
	if signature == "" || algorithm == "" {
		return answer{}, badRequest("Internal request missing required signature")
	}
	if !slices.Contains(macAlgorithms, algorithm) {
		return answer{}, badRequest("Algorithm %s not available", algorithm)
	}
	_, err := base64.StdEncoding.DecodeString(signature)
	if corrupt, ok := errors.AsType[base64.CorruptInputError](err); ok && int(corrupt) < len(signature) {
		return answer{}, badRequest("Illegal base64 character %x", signature[corrupt])
	}
	if err != nil {
		return answer{}, badRequest("Internal request with a signature that is no base64: %v", err)
	}
	return answer{}, &Error{Status: http.StatusForbidden, Message: "Internal request contained invalid signature."}
}

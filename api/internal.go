package api

import (
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
)

// Workers of Kafka Connect ask each other to take configurations of tasks and to fence producers, in requests that they sign.
// This worker has no use for them, so that it refuses them whoever signs them.

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
	if err := signed(r); err != nil {
		return answer{}, err
	}
	return answer{}, &Error{Status: http.StatusForbidden, Message: "Internal request contained invalid signature."}
}

// signed says what keeps a request from having a signature at all.
func signed(r *http.Request) error {
	signature, algorithm := r.Header.Get(signatureHeader), r.Header.Get(algorithmHeader)
	if signature == "" || algorithm == "" {
		return badRequest("Internal request missing required signature")
	}
	if !slices.ContainsFunc(macAlgorithms, func(known string) bool { return strings.EqualFold(known, algorithm) }) {
		return badRequest("Algorithm %s not available", algorithm)
	}
	_, err := base64.StdEncoding.DecodeString(signature)
	if corrupt, ok := errors.AsType[base64.CorruptInputError](err); ok && int(corrupt) < len(signature) {
		return badRequest("Illegal base64 character %x", signature[corrupt])
	}
	if err != nil {
		return badRequest("Internal request with a signature that is no base64: %v", err)
	}
	return nil
}

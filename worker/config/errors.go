package config

import "github.com/sluice-connect/sluice/connectors"

// ErrorHandling is what a connector's errors.* keys say.
type ErrorHandling struct {
	Tolerate                bool
	Log, LogRecord          bool
	DeadLetterTopic         string // empty: none
	DeadLetterReplication   int
	DeadLetterContextHeader bool
}

// ParseErrorHandling reads the errors.* keys of a connector.
func ParseErrorHandling(raw map[string]string) (ErrorHandling, error) {
	c, err := connectors.Define(Tolerance, LogErrors, LogMessages, DeadLetterTopic, DeadLetterReplication, DeadLetterContext).Parse(raw)
	if err != nil {
		return ErrorHandling{}, err
	}
	return ErrorHandling{
		Tolerate: Tolerance.Get(c) == "all",
		Log:      LogErrors.Get(c), LogRecord: LogMessages.Get(c),
		DeadLetterTopic: DeadLetterTopic.Get(c), DeadLetterReplication: int(DeadLetterReplication.Get(c)),
		DeadLetterContextHeader: DeadLetterContext.Get(c),
	}, nil
}

package stack

import (
	"context"
	"fmt"
	"os"
)

// ownerDir makes the test binary start a stack in the folder that it names and wait to be killed.
const ownerDir = "STACK_TEST_OWNER_DIR"

func own(dir string) {
	if _, err := Start(context.Background(), dir, Options{Wipe: true}, Kafka); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("up")
	select {}
}

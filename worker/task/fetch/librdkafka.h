// The part of librdkafka's public interface (rdkafka.h) that package fetch uses. The binding has the library, and its header in a
// place where no other package finds it. The declarations are weak so that this package can be linked alone; New looks whether
// they were found.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_topic_s rd_kafka_topic_t;
typedef struct rd_kafka_queue_s rd_kafka_queue_t;
typedef struct rd_kafka_headers_s rd_kafka_headers_t;

typedef struct rd_kafka_message_s {
	int err;
	rd_kafka_topic_t *rkt;
	int32_t partition;
	void *payload; // of an error: its text
	size_t len;
	void *key;
	size_t key_len;
	int64_t offset;
	void *_private;
} rd_kafka_message_t;

#define WEAK __attribute__((weak))

WEAK rd_kafka_queue_t *rd_kafka_queue_new(rd_kafka_t *rk);
WEAK rd_kafka_queue_t *rd_kafka_queue_get_partition(rd_kafka_t *rk, const char *topic, int32_t partition);
WEAK void rd_kafka_queue_forward(rd_kafka_queue_t *src, rd_kafka_queue_t *dst);
WEAK void rd_kafka_queue_destroy(rd_kafka_queue_t *queue);
WEAK ssize_t rd_kafka_consume_batch_queue(rd_kafka_queue_t *queue, int timeout_ms, rd_kafka_message_t **messages, size_t size);
WEAK void rd_kafka_message_destroy(rd_kafka_message_t *message);
WEAK int64_t rd_kafka_message_timestamp(const rd_kafka_message_t *message, int *type);
WEAK int rd_kafka_message_headers(const rd_kafka_message_t *message, rd_kafka_headers_t **headers);
WEAK int rd_kafka_header_get_all(const rd_kafka_headers_t *headers, size_t i, const char **name, const void **value, size_t *size);
WEAK const char *rd_kafka_topic_name(const rd_kafka_topic_t *topic);
WEAK rd_kafka_queue_t *rd_kafka_queue_get_consumer(rd_kafka_t *rk);
WEAK void rd_kafka_queue_io_event_enable(rd_kafka_queue_t *queue, int fd, const void *payload, size_t size);

typedef struct rd_kafka_op_s rd_kafka_event_t;

WEAK int rd_kafka_set_log_queue(rd_kafka_t *rk, rd_kafka_queue_t *queue); // an rd_kafka_resp_err_t
WEAK rd_kafka_event_t *rd_kafka_queue_poll(rd_kafka_queue_t *queue, int timeout_ms);
WEAK int rd_kafka_event_log(rd_kafka_event_t *event, const char **facility, const char **text, int *level);
WEAK void rd_kafka_event_destroy(rd_kafka_event_t *event);

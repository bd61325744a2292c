/* The load and the ceiling of the AMQP figures, on librabbitmq.
 *
 *   rpc load PORT QUEUE REPLIES BODIES WINDOW SECONDS   keeps WINDOW requests under way, one body a line of BODIES, and
 *                                                       prints replies, seconds, p50 and p99 in ms
 *   rpc work PORT QUEUE                                 answers all alike: persistent, confirmed, then acknowledged
 */
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#define PREFETCH 300
#define MOST 2000000
static const char ANSWER[] =
    "{\"Result\":{\"ApplicationId\":\"GC-0001\",\"DecidedOn\":\"2004-05-03\",\"Decision\":\"A\",\"Score\":750.0}}";
static amqp_connection_state_t connection;

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

static void sure(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "%s failed\n", what);
        exit(1);
    }
}

static void connected(int port) {
    connection = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(connection);
    sure(amqp_socket_open(socket, "127.0.0.1", port) == AMQP_STATUS_OK, "connecting");
    sure(amqp_login(connection, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest").reply_type ==
             AMQP_RESPONSE_NORMAL, "logging in");
    amqp_channel_open(connection, 1);
    sure(amqp_get_rpc_reply(connection).reply_type == AMQP_RESPONSE_NORMAL, "opening a channel");
}

static void consume(const char *queue, int no_ack) {
    amqp_basic_consume(connection, 1, amqp_cstring_bytes(queue), amqp_empty_bytes, 0, no_ack, 0, amqp_empty_table);
    sure(amqp_get_rpc_reply(connection).reply_type == AMQP_RESPONSE_NORMAL, "consuming");
}

/* 1 with a message, 0 after `seconds` without one; other frames are given to `other`. */
static int came(amqp_envelope_t *envelope, double seconds, void (*other)(amqp_frame_t *)) {
    double until = now() + seconds;
    for (double left = seconds; left > 0; left = until - now()) {
        struct timeval patience = {(long)left, (long)((left - (long)left) * 1e6)};
        amqp_maybe_release_buffers(connection);
        amqp_rpc_reply_t reply = amqp_consume_message(connection, envelope, &patience, 0);
        if (reply.reply_type == AMQP_RESPONSE_NORMAL) return 1;
        if (reply.library_error == AMQP_STATUS_TIMEOUT) return 0;
        sure(reply.library_error == AMQP_STATUS_UNEXPECTED_STATE, "reading");
        amqp_frame_t frame;
        sure(amqp_simple_wait_frame(connection, &frame) == AMQP_STATUS_OK, "reading a frame");
        if (other) other(&frame);
    }
    return 0;
}

/* Each delivery led to one publication, in order: so both have the same number on a channel of its own. */
static void confirmed(amqp_frame_t *frame) {
    if (frame->frame_type == AMQP_FRAME_METHOD && frame->payload.method.id == AMQP_BASIC_ACK_METHOD) {
        amqp_basic_ack_t *ack = frame->payload.method.decoded;
        amqp_basic_ack(connection, 1, ack->delivery_tag, ack->multiple);
    }
}

static void work(const char *queue) {
    amqp_confirm_select(connection, 1);
    amqp_basic_qos(connection, 1, 0, PREFETCH, 0);
    consume(queue, 0);
    for (;;) {
        amqp_envelope_t envelope;
        if (!came(&envelope, 1, confirmed)) continue;
        amqp_basic_properties_t *asked = &envelope.message.properties, said;
        said._flags = AMQP_BASIC_CORRELATION_ID_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_CONTENT_TYPE_FLAG;
        said.correlation_id = asked->correlation_id;
        said.delivery_mode = 2;
        said.content_type = amqp_cstring_bytes("application/json");
        amqp_basic_publish(connection, 1, amqp_empty_bytes, asked->reply_to, 1, 0, &said, amqp_cstring_bytes(ANSWER));
        amqp_destroy_envelope(&envelope);
    }
}

static int ascending(const void *one, const void *other) {
    double difference = *(const double *)one - *(const double *)other;
    return (difference > 0) - (difference < 0);
}

static void load(const char *queue, const char *replies, const char *bodies, int window, double seconds) {
    static char lines[1000][4096];
    static double sent[MOST], took[MOST];
    int known = 0, published = 0, answered = 0;
    FILE *file = fopen(bodies, "r");
    sure(file != NULL, "opening the bodies");
    while (known < 1000 && fgets(lines[known], sizeof lines[0], file)) lines[known++][4095] = 0;
    amqp_queue_purge(connection, 1, amqp_cstring_bytes(replies));
    consume(replies, 1);
    double begun = now(), end = begun + seconds, last = begun;
    for (;;) {
        for (; published - answered < window && published < MOST && now() < end; published++) {
            char number[16];
            snprintf(number, sizeof number, "%d", published);
            amqp_basic_properties_t asks;
            asks._flags = AMQP_BASIC_CORRELATION_ID_FLAG | AMQP_BASIC_REPLY_TO_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
                          AMQP_BASIC_CONTENT_TYPE_FLAG;
            asks.correlation_id = amqp_cstring_bytes(number);
            asks.reply_to = amqp_cstring_bytes(replies);
            asks.content_type = amqp_cstring_bytes("application/json");
            asks.delivery_mode = 2;
            sent[published] = now();
            amqp_basic_publish(connection, 1, amqp_empty_bytes, amqp_cstring_bytes(queue), 0, 0, &asks,
                               amqp_cstring_bytes(lines[published % known]));
        }
        if (answered == published) break;
        amqp_envelope_t envelope;
        sure(came(&envelope, 30, NULL), "a reply within 30 s");
        amqp_bytes_t id = envelope.message.properties.correlation_id;
        char number[16] = {0};
        memcpy(number, id.bytes, id.len < 15 ? id.len : 15);
        last = now();
        took[answered++] = last - sent[atoi(number)];
        amqp_destroy_envelope(&envelope);
    }
    qsort(took, answered, sizeof took[0], ascending);
    printf("%d %f %f %f\n", answered, last - begun, 1000 * took[answered / 2], 1000 * took[answered * 99 / 100]);
}

int main(int count, char **words) {
    sure(count >= 4, "reading the words of the command");
    connected(atoi(words[2]));
    if (strcmp(words[1], "work") == 0) work(words[3]);
    else load(words[3], words[4], words[5], atoi(words[6]), atof(words[7]));
    return 0;
}

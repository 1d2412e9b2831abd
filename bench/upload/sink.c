/* A server that takes uploads and throws them away, as cheaply as can be: what it is sent is not the bottleneck.
 *
 * It speaks as much as the measured clients need of: Google's resumable protocol, tus, a plain PUT, WebDAV, YouTube's
 * channels and Vimeo's POST /me/videos. Over plain HTTP the kernel drops the bodies (MSG_TRUNC). Over TLS 1.3 the heads of
 * records are walked, and only the records that hold a request's head are decrypted; OpenSSL shakes hands and encrypts the
 * replies.
 *
 *     sink ADDRESS CERT KEY COMMIT_MS
 *
 * prints "plain PORT" and "tls PORT", then a line for each upload that is complete: "upload BYTES FIRST LAST", where FIRST
 * and LAST are seconds of CLOCK_MONOTONIC: when its first byte arrived, and just before its final reply.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum { RAW = 256 * 1024, TEXT = 64 * 1024, RECORD_HEAD = 5, TAG = 16, APPLICATION = 23, ALERT = 21, UPLOADS = 65536 };

typedef struct { uint64_t offset, total; double first; } Upload;

typedef struct {
    int fd;
    SSL *ssl;                    /* NULL: plain */
    EVP_CIPHER_CTX *opener;      /* the client's records, beside OpenSSL, which must not see them all */
    uint8_t secret[64], iv[12];
    size_t secret_size;
    uint64_t sequence;
    uint8_t raw[RAW];            /* records as they arrived: raw[at..end) is not used yet */
    size_t at, end;
    char text[TEXT + 1];         /* what they said: text[0..said) is not used yet */
    size_t said;
} Peer;

static Upload uploads[UPLOADS];
static atomic_uint uploads_begun = 1;
static int commit_ms;
static char stored_path[512];    /* the last plain PUT, for WebDAV's questions */
static uint64_t stored_size;
static SSL_CTX *tls;
static int peer_index;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

/* ---------------------------------------------------------------- TLS records */

static void keep_secret(const SSL *ssl, const char *line) {
    static const char name[] = "CLIENT_TRAFFIC_SECRET_0 ";
    if (strncmp(line, name, sizeof name - 1)) return;
    Peer *peer = SSL_get_ex_data(ssl, peer_index);
    const char *hex = strchr(line + sizeof name - 1, ' ') + 1;
    for (peer->secret_size = 0; sscanf(hex, "%2hhx", &peer->secret[peer->secret_size]) == 1; hex += 2) peer->secret_size++;
}

static void expand(Peer *peer, const char *label, uint8_t *out, uint8_t size) {      /* HKDF-Expand-Label, RFC 8446 7.1 */
    uint8_t info[32], block[EVP_MAX_MD_SIZE];
    size_t n = strlen(label);
    memcpy(info, (uint8_t[]){0, size, 6 + n}, 3);
    memcpy(info + 3, "tls13 ", 6);
    memcpy(info + 9, label, n);
    memcpy(info + 9 + n, (uint8_t[]){0, 1}, 2);
    HMAC(EVP_sha256(), peer->secret, peer->secret_size, info, 11 + n, block, NULL);
    memcpy(out, block, size);
}

static bool shake_hands(Peer *peer) {
    uint8_t key[16];
    SSL_set_ex_data(peer->ssl, peer_index, peer);
    SSL_set_fd(peer->ssl, peer->fd);
    if (SSL_accept(peer->ssl) != 1) return false;
    expand(peer, "key", key, sizeof key);
    expand(peer, "iv", peer->iv, sizeof peer->iv);
    peer->opener = EVP_CIPHER_CTX_new();
    return EVP_DecryptInit_ex(peer->opener, EVP_aes_128_gcm(), NULL, key, NULL);
}

static int record(Peer *peer) {              /* the size of the record at `at`, which has arrived whole; -1: it will not */
    for (;;) {
        uint8_t *head = peer->raw + peer->at;
        size_t there = peer->end - peer->at;
        if (there >= RECORD_HEAD) {
            size_t size = head[3] << 8 | head[4];
            if (there >= RECORD_HEAD + size) return size;
        }
        memmove(peer->raw, head, there);
        peer->at = 0, peer->end = there;
        ssize_t got = recv(peer->fd, peer->raw + there, RAW - there, 0);
        if (got <= 0) return -1;
        peer->end += got;
    }
}

static bool open_record(Peer *peer, int size) {
    uint8_t nonce[12], *head = peer->raw + peer->at, *body = head + RECORD_HEAD, *out = (uint8_t *)peer->text + peer->said;
    int n, none;
    if (size <= TAG || peer->said + size > TEXT) return false;
    memcpy(nonce, peer->iv, sizeof nonce);
    for (int i = 0; i < 8; i++) nonce[11 - i] ^= peer->sequence >> 8 * i;
    peer->sequence++;
    peer->at += RECORD_HEAD + size;
    EVP_DecryptInit_ex(peer->opener, NULL, NULL, NULL, nonce);
    EVP_DecryptUpdate(peer->opener, NULL, &n, head, RECORD_HEAD);
    EVP_DecryptUpdate(peer->opener, out, &n, body, size - TAG);
    EVP_CIPHER_CTX_ctrl(peer->opener, EVP_CTRL_GCM_SET_TAG, TAG, body + size - TAG);
    if (EVP_DecryptFinal_ex(peer->opener, out + n, &none) != 1) return false;
    while (n && !out[n - 1]) n--;                                                        /* padding */
    if (!n || out[n - 1] == ALERT) return false;
    if (out[n - 1] == APPLICATION) peer->said += n - 1;
    return true;
}

static bool hear(Peer *peer) {                                                          /* more text; false: it is over */
    if (!peer->ssl) {
        ssize_t got = recv(peer->fd, peer->text + peer->said, TEXT - peer->said, 0);
        if (got > 0) peer->said += got;
        return got > 0;
    }
    size_t before = peer->said;
    while (peer->said == before) {
        int size = record(peer);
        if (size < 0) return false;
        if (peer->raw[peer->at] != APPLICATION) peer->at += RECORD_HEAD + size;
        else if (!open_record(peer, size)) return false;
    }
    return true;
}

static bool say(Peer *peer, const char *words, int size) {
    if (peer->ssl) return SSL_write(peer->ssl, words, size) == size;
    return send(peer->fd, words, size, MSG_NOSIGNAL) == size;
}

/* ---------------------------------------------------------------- bodies */

static void drop_text(Peer *peer, size_t count) {
    memmove(peer->text, peer->text + count, peer->said - count);
    peer->said -= count;
}

static bool discard_plain(Peer *peer, uint64_t left, Upload *upload) {
    while (left) {
        ssize_t got = recv(peer->fd, NULL, left > 1 << 30 ? 1 << 30 : left, MSG_TRUNC);
        if (got <= 0) return false;
        left -= got, upload->offset += got;
    }
    return true;
}

static bool discard(Peer *peer, uint64_t left, Upload *upload) {
    if (left && !upload->first) upload->first = now();
    do {
        uint64_t heard = peer->said < left ? peer->said : left;
        drop_text(peer, heard);
        left -= heard, upload->offset += heard;
        if (!peer->ssl) return discard_plain(peer, left, upload);
        while (left) {
            int size = record(peer);
            uint64_t content = size - TAG - 1;
            if (size < 0) return false;
            if (peer->raw[peer->at] != APPLICATION || size < 64 || content > left) {   /* perhaps something else */
                if (!hear(peer)) return false;
                break;
            }
            peer->at += RECORD_HEAD + size, peer->sequence++;
            left -= content, upload->offset += content;
        }
    } while (left);
    return true;
}

static void finish(Upload *upload) {
    if (commit_ms) usleep(commit_ms * 1000);
    printf("upload %lu %.6f %.6f\n", upload->offset, upload->first, now());
    fflush(stdout);
}

/* ---------------------------------------------------------------- HTTP */

static bool header(const char *head, const char *name, char *value, size_t size) {
    size_t n = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line && line[2]; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, n) || line[2 + n] != ':') continue;
        const char *start = line + 3 + n + strspn(line + 3 + n, " ");
        snprintf(value, size, "%.*s", (int)strcspn(start, "\r"), start);
        return true;
    }
    return false;
}

static uint64_t number(const char *head, const char *name) {
    char value[64];
    return header(head, name, value, sizeof value) ? strtoull(value, NULL, 10) : 0;
}

static bool reply(Peer *peer, const char *status, const char *headers, const char *body) {
    char all[4096];
    int n = snprintf(all, sizeof all, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n%s", status, headers, strlen(body), body);
    return say(peer, all, n);
}

static bool reply_json(Peer *peer, const char *body) {
    return reply(peer, "200 OK", "Content-Type: application/json; charset=UTF-8\r\n", body);
}

static Upload *begin(uint64_t total, unsigned *id) {
    *id = uploads_begun++ % UPLOADS;
    uploads[*id] = (Upload){.total = total};
    return &uploads[*id];
}

static bool create(Peer *peer, const char *head, const char *path, uint64_t length) {
    char host[128] = "", where[256], answer[512];
    unsigned id;
    header(head, "host", host, sizeof host);
    while (peer->said < length)
        if (!hear(peer)) return false;
    peer->text[peer->said] = 0;
    const char *size = strstr(peer->text, "\"size\":");
    uint64_t total = number(head, "x-upload-content-length") + number(head, "upload-length");
    begin(total ? total : size ? strtoull(size + 7, NULL, 10) : 0, &id);
    drop_text(peer, length);
    snprintf(where, sizeof where, "%s://%s/up/%u", peer->ssl ? "https" : "http", host, id);
    snprintf(answer, sizeof answer, "Location: %s\r\nTus-Resumable: 1.0.0\r\n", where);
    if (strstr(path, "uploadType=resumable")) return reply(peer, "200 OK", answer, "");
    if (!strstr(path, "/me/videos")) return reply(peer, "201 Created", answer, "");
    snprintf(answer, sizeof answer, "{\"uri\":\"/videos/%u\",\"upload\":{\"approach\":\"tus\",\"upload_link\":\"%s\"}}", id, where);
    return reply_json(peer, answer);
}

static bool google(Peer *peer, const char *head, Upload *upload, uint64_t length) {
    char range[128] = "";
    uint64_t start = 0, last, total = 0;
    if (header(head, "content-range", range, sizeof range) && sscanf(range, "bytes %lu-%lu/%lu", &start, &last, &total) == 3)
        upload->offset = start, upload->total = total;
    else if (length)
        upload->offset = 0, upload->total = length;
    if (!discard(peer, length, upload)) return false;
    if (upload->offset == upload->total) {
        finish(upload);
        return reply_json(peer, "{\"id\":\"abc\",\"status\":{\"uploadStatus\":\"uploaded\",\"privacyStatus\":\"private\"}}");
    }
    snprintf(range, sizeof range, "Range: bytes=0-%lu\r\n", upload->offset - 1);
    return reply(peer, "308 Resume Incomplete", upload->offset ? range : "", "");
}

static bool tus(Peer *peer, const char *head, Upload *upload, uint64_t length, bool patch) {
    char headers[128];
    if (patch) upload->offset = number(head, "upload-offset");
    if (patch && !discard(peer, length, upload)) return false;
    if (patch && upload->offset == upload->total) finish(upload);
    snprintf(headers, sizeof headers, "Tus-Resumable: 1.0.0\r\nUpload-Offset: %lu\r\n", upload->offset);
    return reply(peer, patch ? "204 No Content" : "200 OK", headers, "");
}

static bool put(Peer *peer, const char *path, uint64_t length) {
    Upload upload = {.total = length};
    if (!discard(peer, length, &upload)) return false;
    snprintf(stored_path, sizeof stored_path, "%s", path);
    stored_size = length;
    finish(&upload);
    return reply(peer, "201 Created", "", "");
}

static bool webdav(Peer *peer, const char *path, uint64_t length) {
    char body[1024];
    Upload none = {0};
    bool folder = path[strlen(path) - 1] == '/';
    if (!discard(peer, length, &none)) return false;
    if (!folder && strcmp(path, stored_path)) return reply(peer, "404 Not Found", "", "");
    snprintf(body, sizeof body,
        "<?xml version=\"1.0\"?><D:multistatus xmlns:D=\"DAV:\"><D:response><D:href>%s</D:href><D:propstat><D:prop>"
        "<D:resourcetype>%s</D:resourcetype><D:getcontentlength>%lu</D:getcontentlength></D:prop>"
        "<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>",
        path, folder ? "<D:collection/>" : "", stored_size);
    return reply(peer, "207 Multi-Status", "Content-Type: application/xml\r\n", body);
}

static bool answer(Peer *peer, const char *head) {
    char method[16] = "", path[512] = "", expect[32];
    sscanf(head, "%15s %511s", method, path);
    uint64_t length = number(head, "content-length");
    unsigned id;
    if (header(head, "expect", expect, sizeof expect) && !say(peer, "HTTP/1.1 100 Continue\r\n\r\n", 25)) return false;
    if (sscanf(path, "/up/%u", &id) == 1 && id < UPLOADS) {
        if (!strcmp(method, "PUT") || !strcmp(method, "POST")) return google(peer, head, &uploads[id], length);
        return tus(peer, head, &uploads[id], length, !strcmp(method, "PATCH"));
    }
    if (!strcmp(method, "POST")) return create(peer, head, path, length);
    if (!strcmp(method, "PUT")) return put(peer, path, length);
    if (!strcmp(method, "PROPFIND")) return webdav(peer, path, length);
    if (strstr(path, "/channels")) return reply_json(peer, "{\"kind\":\"youtube#channelListResponse\",\"items\":[{\"id\":\"UC1\"}]}");
    return reply_json(peer, "{}");
}

static bool exchange(Peer *peer) {
    char *end;
    while (peer->text[peer->said] = 0, !(end = strstr(peer->text, "\r\n\r\n")))
        if (!hear(peer)) return false;
    size_t size = end + 4 - peer->text;
    char *head = strndup(peer->text, size);
    drop_text(peer, size);
    bool more = answer(peer, head);
    free(head);
    return more;
}

/* ---------------------------------------------------------------- connections */

static void *serve(void *argument) {
    Peer *peer = argument;
    if (!peer->ssl || shake_hands(peer))
        while (exchange(peer)) {}
    EVP_CIPHER_CTX_free(peer->opener);
    SSL_free(peer->ssl);
    close(peer->fd);
    free(peer);
    return NULL;
}

typedef struct { int fd; bool secure; } Door;

static void *welcome(void *argument) {
    Door *door = argument;
    int fd;
    while ((fd = accept(door->fd, NULL, NULL)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        Peer *peer = calloc(1, sizeof *peer);
        peer->fd = fd;
        peer->ssl = door->secure ? SSL_new(tls) : NULL;
        pthread_t thread;
        pthread_create(&thread, NULL, serve, peer);
        pthread_detach(thread);
    }
    return NULL;
}

static Door open_door(const char *address, bool secure) {
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;
    Door door = {socket(AF_INET, SOCK_STREAM, 0), secure};
    inet_pton(AF_INET, address, &at.sin_addr);
    if (bind(door.fd, (struct sockaddr *)&at, size) || listen(door.fd, 4096)) perror("sink"), exit(1);
    getsockname(door.fd, (struct sockaddr *)&at, &size);
    printf("%s %d\n", secure ? "tls" : "plain", ntohs(at.sin_port));
    return door;
}

int main(int count, char **words) {
    if (count != 5) return fprintf(stderr, "usage: sink ADDRESS CERT KEY COMMIT_MS\n"), 2;
    signal(SIGPIPE, SIG_IGN);
    commit_ms = atoi(words[4]);
    tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
    SSL_CTX_set_ciphersuites(tls, "TLS_AES_128_GCM_SHA256");
    SSL_CTX_set_num_tickets(tls, 0);
    SSL_CTX_set_keylog_callback(tls, keep_secret);
    peer_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    if (SSL_CTX_use_certificate_chain_file(tls, words[2]) != 1 || SSL_CTX_use_PrivateKey_file(tls, words[3], SSL_FILETYPE_PEM) != 1)
        return fprintf(stderr, "sink: no usable certificate\n"), 1;
    Door plain = open_door(words[1], false), secure = open_door(words[1], true);
    fflush(stdout);
    pthread_t thread;
    pthread_create(&thread, NULL, welcome, &plain);
    welcome(&secure);
}

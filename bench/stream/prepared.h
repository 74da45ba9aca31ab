// Prepared statements whose parameters are the columns of a row, or arrays of them, in PostgreSQL's binary format.
#pragma once

#include <arpa/inet.h>
#include <libpq-fe.h>

#include <cstdlib>

#include "rows.h"

namespace bench {

constexpr Oid text_oid = 25, text_array_oid = 1009, timestamptz_oid = 1184, timestamptz_array_oid = 1185;
constexpr Oid row_types[] = {text_oid, timestamptz_oid, text_oid};
constexpr Oid array_types[] = {text_array_oid, timestamptz_array_oid, text_array_oid};
constexpr uint64_t postgres_epoch_us = 946684800000000;

[[noreturn]] inline void fail(PGconn *connection, const char *what) {
    fprintf(stderr, "%s: %s", what, PQerrorMessage(connection));
    exit(1);
}

inline PGconn *connect(const char *info) {
    PGconn *connection = PQconnectdb(info);
    if (PQstatus(connection) != CONNECTION_OK)
        fail(connection, "connect");
    return connection;
}

inline void prepare(PGconn *connection, const char *sql, int count, const Oid *types) {
    PGresult *result = PQprepare(connection, "s", sql, count, types);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail(connection, sql);
    PQclear(result);
}

inline void put32(std::string &out, uint32_t value) {
    value = htonl(value);
    out.append(reinterpret_cast<const char *>(&value), 4);
}

inline void put_time(std::string &out, uint64_t us) {
    const uint64_t since = us - postgres_epoch_us;
    put32(out, static_cast<uint32_t>(since >> 32));
    put32(out, static_cast<uint32_t>(since));
}

inline void start_array(std::string &out, Oid type, uint32_t count) {
    for (uint32_t value : {uint32_t{1}, uint32_t{0}, uint32_t{type}, count, uint32_t{1}})
        put32(out, value);
}

inline void put_element(std::string &out, const std::string &text) {
    put32(out, static_cast<uint32_t>(text.size()));
    out += text;
}

struct Parameters {
    std::string value[3];
};

// Encodes the rows from `first` on as three arrays.
inline Parameters array_parameters(RowSource &source, size_t first, uint32_t batch) {
    Parameters p;
    start_array(p.value[0], text_oid, batch);
    start_array(p.value[1], timestamptz_oid, batch);
    start_array(p.value[2], text_oid, batch);
    for (size_t i = first; i < first + batch; ++i) {
        const auto row = source.at(i);
        put_element(p.value[0], row.item);
        put32(p.value[1], 8);
        put_time(p.value[1], row.us);
        put_element(p.value[2], row.source);
    }
    return p;
}

inline void execute(PGconn *connection, const char *sql, const Parameters &p) {
    const char *values[3];
    int lengths[3];
    const int formats[] = {1, 1, 1};
    for (int i = 0; i < 3; ++i) {
        values[i] = p.value[i].data();
        lengths[i] = static_cast<int>(p.value[i].size());
    }
    PGresult *result = PQexecPrepared(connection, "s", 3, values, lengths, formats, 0);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail(connection, sql);
    PQclear(result);
}

} // namespace bench

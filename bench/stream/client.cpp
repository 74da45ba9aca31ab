// A client that takes little processor time: it makes and encodes rows before the clock runs, and uses prepared statements
// with binary parameters.
//
// usage: client CONNINFO insert SQL STREAM SOURCES CLIENTS BATCH SECONDS RATE
//          Each client commits one statement after the other. If BATCH is 0, SQL inserts one row ($1 text, $2 timestamptz,
//          $3 text), otherwise arrays of BATCH rows. RATE limits the statements per second of all clients together; 0 for no
//          limit. It ends early at SIGTERM. It prints the events, the seconds, and the statements that were more than a
//          second late.
//        client CONNINFO read SQL QUERIES SECONDS [PARAMETER]
//          It runs the query until QUERIES or SECONDS is reached; #N in the text parameter $1 becomes a random number from 1
//          to N. It prints the number of queries, their 50th, 95th and 99th percentile and maximum in ms, and the rows of
//          all results.
#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <thread>

#include "prepared.h"

namespace {

using namespace bench;

using Clock = std::chrono::steady_clock;

constexpr int batches_each = 200, rows_each = 20000; // then a client begins again with the first

std::atomic<bool> stop = false;

std::vector<Parameters> make_parameters(bench::RowSource &source, uint32_t batch) {
    std::vector<Parameters> all;
    for (size_t i = 0; i < source.ranks.size();) {
        Parameters &p = all.emplace_back();
        if (batch == 0) {
            const auto row = source.at(i++);
            p.value[0] = row.item;
            put_time(p.value[1], row.us);
            p.value[2] = row.source;
            continue;
        }
        p = array_parameters(source, i, batch);
        i += batch;
    }
    return all;
}

int insert(const char *info, char **argv) {
    const char *sql = argv[0];
    const char *stream = argv[1];
    const bench::Sources sources(argv[2]);
    const auto clients = atoi(argv[3]);
    const auto batch = static_cast<uint32_t>(atoi(argv[4]));
    const double seconds = atof(argv[5]), rate = atof(argv[6]);
    const auto now = static_cast<uint64_t>(time(nullptr));

    std::barrier start(clients + 1);
    std::atomic<uint64_t> events = 0, late = 0;
    Clock::time_point begin;
    std::vector<std::thread> threads;
    for (int client = 0; client < clients; ++client) {
        threads.emplace_back([&, client] {
            const uint64_t rows = batch == 0 ? rows_each : uint64_t{batches_each} * batch;
            bench::RowSource source{bench::ranks(stream, rows, 100 + static_cast<uint64_t>(client)), (now - 60) * 1000000,
                                    60000000, sources, true};
            const auto parameters = make_parameters(source, batch);
            PGconn *connection = connect(info);
            prepare(connection, sql, 3, batch == 0 ? row_types : array_types);
            start.arrive_and_wait(); // all clients are ready
            start.arrive_and_wait(); // the clock runs
            uint64_t done = 0, behind = 0;
            const auto end = begin + std::chrono::duration<double>(seconds);
            while (!stop && Clock::now() < end) {
                if (rate > 0) {
                    const auto due =
                        begin + std::chrono::duration<double>((static_cast<double>(done) * clients + client) / rate);
                    if (due >= end)
                        break;
                    std::this_thread::sleep_until(due);
                    behind += Clock::now() > due + std::chrono::seconds(1);
                }
                execute(connection, sql, parameters[done % parameters.size()]);
                ++done;
            }
            events += done * (batch == 0 ? 1 : batch);
            late += behind;
            PQfinish(connection);
        });
    }
    start.arrive_and_wait();
    begin = Clock::now();
    start.arrive_and_wait();
    for (auto &thread : threads)
        thread.join();
    printf("%llu %.6f %llu\n", static_cast<unsigned long long>(events),
           std::chrono::duration<double>(Clock::now() - begin).count(), static_cast<unsigned long long>(late));
    return 0;
}

int read(const char *info, int argc, char **argv) {
    const char *sql = argv[0];
    const auto queries = static_cast<size_t>(atoll(argv[1]));
    const double seconds = atof(argv[2]);
    const std::string parameter = argc > 3 ? argv[3] : "";
    const size_t mark = parameter.find('#');

    PGconn *connection = connect(info);
    prepare(connection, sql, argc > 3, &text_oid);
    streams::Random random(1);
    std::vector<double> times;
    uint64_t rows = 0;
    const auto begin = Clock::now();
    for (int warming = 20; times.size() < queries && Clock::now() < begin + std::chrono::duration<double>(seconds);) {
        std::string value = parameter;
        if (mark != std::string::npos) {
            size_t digits = 0;
            const auto n = std::stoull(parameter.substr(mark + 1), &digits);
            value.replace(mark, 1 + digits, std::to_string(1 + random.below(n)));
        }
        const char *values[] = {value.c_str()};
        const auto before = Clock::now();
        PGresult *result = PQexecPrepared(connection, "s", argc > 3, values, nullptr, nullptr, 0);
        const std::chrono::duration<double, std::milli> time = Clock::now() - before;
        if (PQresultStatus(result) != PGRES_TUPLES_OK)
            fail(connection, sql);
        if (warming > 0)
            --warming;
        else
            times.push_back(time.count());
        rows += static_cast<uint64_t>(PQntuples(result));
        PQclear(result);
    }
    if (times.empty())
        fail(connection, "no query ended in time");
    PQfinish(connection);
    std::sort(times.begin(), times.end());
    const auto percentile = [&](double p) { return times[static_cast<size_t>(p * static_cast<double>(times.size() - 1))]; };
    printf("%zu %.3f %.3f %.3f %.3f %llu\n", times.size(), percentile(0.5), percentile(0.95), percentile(0.99), times.back(),
           static_cast<unsigned long long>(rows));
    return 0;
}

} // namespace

int main(int argc, char **argv) {
    signal(SIGTERM, [](int) { stop = true; });
    if (argc == 10 && strcmp(argv[2], "insert") == 0)
        return insert(argv[1], argv + 3);
    if (argc >= 6 && strcmp(argv[2], "read") == 0)
        return read(argv[1], argc - 3, argv + 3);
    fprintf(stderr, "usage: see client.cpp\n");
    return 2;
}

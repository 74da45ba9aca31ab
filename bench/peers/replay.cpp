// Inserts batches of a stream of rows (rows.h) over one connection, by commands on standard input. It makes and encodes the
// rows before the clock runs.
//
// usage: replay CONNINFO SQL STREAM ROWS START SECONDS SOURCES BATCH
//   SQL has arrays of BATCH rows as parameters: $1 text[], $2 timestamptz[], $3 text[]. STREAM to SOURCES: as for rows.
// It answers each command with the seconds that the command took:
//   commit FIRST LAST     inserts each batch from FIRST to before LAST in a transaction of its own
//   rollback FIRST LAST   inserts all of them in one transaction, and rolls it back
//   open FIRST LAST       inserts all of them in a transaction that it leaves open
#include <chrono>
#include <cstring>
#include <iostream>

#include "../stream/prepared.h"

namespace {

using namespace bench;

void simple(PGconn *connection, const char *sql) {
    PGresult *result = PQexec(connection, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail(connection, sql);
    PQclear(result);
}

} // namespace

int main(int argc, char **argv) {
    if (argc != 9) {
        fprintf(stderr, "usage: see replay.cpp\n");
        return 2;
    }
    const char *sql = argv[2];
    const uint64_t rows = strtoull(argv[4], nullptr, 10);
    const auto batch = static_cast<uint32_t>(atoi(argv[8]));
    RowSource source{ranks(argv[3], rows, 1), strtoull(argv[5], nullptr, 10) * 1000000,
                     strtoull(argv[6], nullptr, 10) * 1000000, Sources(argv[7]), false};
    PGconn *connection = connect(argv[1]);
    prepare(connection, sql, 3, array_types);

    std::string command;
    uint64_t first, last;
    while (std::cin >> command >> first >> last) {
        if (last * batch > rows) {
            fprintf(stderr, "there are not so many rows\n");
            return 2;
        }
        std::vector<Parameters> parameters;
        for (uint64_t i = first; i < last; ++i)
            parameters.push_back(array_parameters(source, i * batch, batch));
        const auto begin = std::chrono::steady_clock::now();
        if (command != "commit")
            simple(connection, "BEGIN");
        for (const Parameters &p : parameters)
            execute(connection, sql, p);
        if (command == "rollback")
            simple(connection, "ROLLBACK");
        printf("%.6f\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
        fflush(stdout);
    }
    PQfinish(connection);
    return 0;
}

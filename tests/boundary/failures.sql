-- Each allocation of these queries fails in turn. The output has one line for each query: "ok: ...", or the error.
\set ON_ERROR_STOP off
SELECT format('SELECT format(%L, %L, topk_test.fail_each(%3$L, %4$L), %3$L)', 'ok: %s: answers right after %s failures of %s', name, what, query)
FROM queries, (VALUES ('palloc'), ('malloc')) AS w (what) \gexec

-- Shows the top 10 of this hour and of today; ./run demo runs it a few times while events arrive.
\set QUIET on
\pset footer off
\echo
\echo Refresh :refresh of 3
SELECT to_char(clock_timestamp(), 'HH24:MI:SS') AS now, h.events AS this_hour, d.events AS today, d.distinct_items AS items_today
FROM topk.window_info('events', 'hour', clock_timestamp()) AS h, topk.window_info('events', 'day', clock_timestamp()) AS d;
SELECT rank, h.item AS item_this_hour, h.count AS this_hour, d.item AS item_today, d.count AS today
FROM topk.top('events', 'hour', clock_timestamp()) AS h FULL JOIN topk.top('events', 'day', clock_timestamp()) AS d USING (rank)
ORDER BY rank;

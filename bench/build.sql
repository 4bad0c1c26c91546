-- The whole build of one range of days as one DuckDB script: what `collect`, `clean`, `sequences` and `features` write,
-- row by row (tests/bench/test_equal.py), from the same files of the source `simulate`.
-- Variables: landing, since, ds (the range), out (a folder). Sections are named as our modules; each is timed.

-- section: macros
-- Money by pieces at four decimals, rounded half up, without a detour over floating point.
CREATE MACRO per_piece(money, pieces) AS
    (CAST((CAST(money * 100 AS HUGEINT) * 200 + pieces) // (2 * pieces) AS DECIMAL(38, 0)) * 0.0001::DECIMAL(5, 4));
-- The ratio of two sums of money, rounded half up to as many decimals as `unit` has zeros; null where there is no whole.
CREATE MACRO ratio(part, whole, unit) AS CASE WHEN whole > 0 THEN
    CAST(sign(part) * ((2 * abs(CAST(part * 100 AS HUGEINT)) * unit + CAST(whole * 100 AS HUGEINT))
                       // (2 * CAST(whole * 100 AS HUGEINT))) AS DOUBLE) / unit END;
CREATE MACRO share(part, whole) AS CASE WHEN whole > 0 THEN part / whole END;

-- section: collect
-- Typed; what cannot be loaded has a reason.
CREATE TEMP TABLE records AS
SELECT *, event_time::DATE AS ds, concat_ws('; ',
    CASE WHEN event_id IS NULL THEN 'missing_id' END,
    CASE WHEN user_id IS NULL THEN 'missing_user_id' END,
    CASE WHEN event_time IS NULL THEN 'missing_event_time' END,
    CASE WHEN event_type IS NULL THEN 'missing_event_type'
         WHEN event_type NOT IN ('view', 'click', 'search', 'favourite', 'cart', 'uncart', 'purchase', 'refund')
         THEN 'unknown_event_type: ' || event_type END,
    CASE WHEN event_time < TIMESTAMP '2020-01-01' THEN 'impossible_time: before 2020-01-01: ' || event_time::VARCHAR
         WHEN event_time >= landed_ds + 2 THEN 'impossible_time: after its delivery: ' || event_time::VARCHAR END
) AS reason
FROM (
    SELECT CAST(event_id AS VARCHAR) AS event_id, nullif(trim(user_id), '') AS user_id,
           make_timestamp(ts * 1000) AS event_time, nullif(trim(action), '') AS event_type,
           nullif(trim(sku), '') AS product_id, CAST(qty AS BIGINT) AS quantity, CAST(price AS DECIMAL(18, 4)) AS price,
           CAST(paid AS DECIMAL(18, 2)) AS amount, CAST(discount AS DECIMAL(18, 2)) AS discount,
           nullif(trim(query), '') AS query, user_agent, channel, CAST(ds AS DATE) AS landed_ds
    FROM read_parquet(getvariable('landing') || '/simulate/events/*/*.parquet', hive_partitioning = true)
    WHERE CAST(ds AS DATE) BETWEEN getvariable('since') AND getvariable('ds')
);

COPY (SELECT * FROM records WHERE reason != '')
TO (getvariable('out') || '/quarantine.parquet') (FORMAT parquet, COMPRESSION zstd);

-- Few keys stand twice: only their records are sorted.
CREATE TEMP TABLE repeated AS
SELECT event_id, ds FROM records WHERE reason = '' GROUP BY ALL HAVING count(*) > 1;

CREATE TEMP TABLE bronze AS
FROM records ANTI JOIN repeated USING (event_id, ds) WHERE reason = ''
UNION ALL
(FROM records SEMI JOIN repeated USING (event_id, ds) WHERE reason = ''
 QUALIFY row_number() OVER (PARTITION BY event_id, ds ORDER BY landed_ds) = 1);
DROP TABLE records;

-- section: clean
CREATE TEMP TABLE facts AS
SELECT product_id, title, path AS category_path, coalesce(path[2], path[1]) AS category, path[1] AS department, brand, price
FROM (SELECT sku AS product_id, title, brand, price, string_split(category, '/') AS path
      FROM read_parquet(getvariable('landing') || '/simulate/products/*/*.parquet', hive_partitioning = true)
      WHERE CAST(ds AS DATE) BETWEEN getvariable('since') AND getvariable('ds'));

CREATE TEMP VIEW corrected AS
SELECT * REPLACE (
        CASE WHEN money AND negative THEN 'refund' ELSE event_type END AS event_type,
        pieces AS quantity,
        coalesce(price, CASE WHEN pieces > 0 THEN per_piece(received + taken_off, pieces) END)::DECIMAL(18, 4) AS price,
        received AS amount,
        CASE WHEN money THEN taken_off END AS discount),
    CASE WHEN money THEN (received + taken_off)::DECIMAL(18, 2) END AS list_amount,
    CASE WHEN money AND coalesce(quantity, 1) = 0 AND coalesce(amount, 0) = 0 THEN 'nothing_bought'
         WHEN price < 0 THEN 'negative_price' END AS refused
FROM (
    SELECT *, CASE WHEN money THEN coalesce(abs(coalesce(amount, price * pieces - taken_off))::DECIMAL(18, 2), 0) END
           AS received
    FROM (
        SELECT *, event_type IN ('purchase', 'refund') AS money,
               coalesce(quantity < 0, false) OR coalesce(amount < 0, false) AS negative,
               coalesce(discount, 0)::DECIMAL(18, 2) AS taken_off,
               abs(CASE WHEN event_type IN ('purchase', 'refund') AND coalesce(quantity, 0) = 0 THEN 1
                        ELSE quantity END) AS pieces
        FROM bronze));

CREATE TEMP VIEW sessions AS
SELECT *, max(start) OVER (visit ROWS UNBOUNDED PRECEDING) AS session_start
FROM (
    SELECT *, CASE WHEN coalesce(second - lag(second) OVER visit > 30 * 60, true) THEN second END AS start
    FROM (SELECT *, epoch_us(event_time) // 1000000 AS second FROM corrected WHERE refused IS NULL)
    WINDOW visit AS (PARTITION BY user_id, ds ORDER BY event_time, event_id))
WINDOW visit AS (PARTITION BY user_id, ds ORDER BY event_time, event_id);

CREATE TEMP TABLE events AS
SELECT 'simulate:' || event_id AS event_id, 'simulate' AS source, user_id, event_time, event_type, product_id,
       category, department, brand, quantity, sessions.price, amount, discount, list_amount,
       user_id || '@' || session_start AS session_id, trim(query) AS query,
       hour(event_time + INTERVAL 8 HOUR)::INT AS local_hour, isodow(event_time + INTERVAL 8 HOUR)::INT AS local_weekday,
       landed_ds, ds
FROM sessions LEFT JOIN facts USING (product_id);
DROP TABLE bronze CASCADE;

COPY events TO (getvariable('out') || '/events.parquet') (FORMAT parquet, COMPRESSION zstd);

CREATE TEMP TABLE users AS
SELECT user_id, profile.* EXCLUDE (user_id, ds, consent), profile.consent AS marketing_consent, first_seen_ds,
       profile.user_id IS NOT NULL AS has_record
FROM (SELECT user_id, min(ds) AS first_seen_ds FROM events GROUP BY user_id)
FULL JOIN (FROM read_parquet(getvariable('landing') || '/simulate/users/*/*.parquet', hive_partitioning = true)
           WHERE CAST(ds AS DATE) BETWEEN getvariable('since') AND getvariable('ds')) AS profile USING (user_id);

COPY users TO (getvariable('out') || '/users.parquet') (FORMAT parquet, COMPRESSION zstd);

COPY (
    SELECT product_id, title, category_path, category, department, brand, newest.usual_price, newest.price_seen_at,
           title IS NOT NULL AS has_record
    FROM facts FULL JOIN (
        SELECT product_id, max({price_seen_at: event_time, usual_price: price}) FILTER (price IS NOT NULL) AS newest
        FROM events WHERE product_id IS NOT NULL GROUP BY product_id) USING (product_id)
) TO (getvariable('out') || '/products.parquet') (FORMAT parquet, COMPRESSION zstd);

-- section: user_daily
CREATE TEMP TABLE mean_prices AS
SELECT ds, category, per_piece(sum(list_amount), sum(quantity))::DECIMAL(18, 4) AS mean_price
FROM events WHERE event_type = 'purchase' GROUP BY ALL;

CREATE TEMP TABLE money_maps AS
SELECT user_id, ds,
       map_from_entries(list({k: name, v: amount} ORDER BY name) FILTER (kind = 'department')) AS department_amount,
       map_from_entries(list({k: name, v: amount} ORDER BY name) FILTER (kind = 'category')) AS category_amount,
       map_from_entries(list({k: name, v: amount} ORDER BY name) FILTER (kind = 'brand')) AS brand_amount
FROM (
    SELECT user_id, ds, kind, name, sum(amount)::DECIMAL(18, 2) AS amount
    FROM (UNPIVOT (SELECT user_id, ds, amount, department, category, brand FROM events WHERE event_type = 'purchase')
          ON department, category, brand INTO NAME kind VALUE name)
    GROUP BY ALL)
GROUP BY ALL;

CREATE TEMP TABLE user_daily AS
WITH days AS (
    SELECT user_id, events.ds AS ds,
        count(*)::INT AS events,
        count_if(event_type IN ('view', 'click'))::INT AS views,
        count_if(event_type = 'search')::INT AS searches,
        count_if(event_type = 'favourite')::INT AS favourites,
        count_if(event_type = 'cart')::INT AS carts,
        count_if(event_type = 'purchase')::INT AS purchases,
        count_if(event_type = 'refund')::INT AS refunds,
        count(DISTINCT session_id) FILTER (event_type = 'purchase')::INT AS orders,
        count(DISTINCT session_id)::INT AS sessions,
        coalesce(sum(quantity) FILTER (event_type = 'purchase'), 0)::BIGINT AS quantity,
        coalesce(sum(amount) FILTER (event_type = 'purchase'), 0)::DECIMAL(18, 2) AS amount,
        coalesce(sum(list_amount) FILTER (event_type = 'purchase'), 0)::DECIMAL(18, 2) AS list_amount,
        coalesce(sum(discount) FILTER (event_type = 'purchase'), 0)::DECIMAL(18, 2) AS discount,
        coalesce(sum(amount) FILTER (event_type = 'refund'), 0)::DECIMAL(18, 2) AS refund_amount,
        coalesce(sum((mean_price * quantity)::DECIMAL(18, 2)) FILTER (event_type = 'purchase'), 0)::DECIMAL(18, 2)
            AS expected_amount,
        coalesce(list_sort(list(DISTINCT product_id) FILTER (event_type = 'purchase' AND product_id IS NOT NULL)), [])
            AS product_ids,
        [count_if(local_hour = 0)::INT, count_if(local_hour = 1)::INT, count_if(local_hour = 2)::INT,
         count_if(local_hour = 3)::INT, count_if(local_hour = 4)::INT, count_if(local_hour = 5)::INT,
         count_if(local_hour = 6)::INT, count_if(local_hour = 7)::INT, count_if(local_hour = 8)::INT,
         count_if(local_hour = 9)::INT, count_if(local_hour = 10)::INT, count_if(local_hour = 11)::INT,
         count_if(local_hour = 12)::INT, count_if(local_hour = 13)::INT, count_if(local_hour = 14)::INT,
         count_if(local_hour = 15)::INT, count_if(local_hour = 16)::INT, count_if(local_hour = 17)::INT,
         count_if(local_hour = 18)::INT, count_if(local_hour = 19)::INT, count_if(local_hour = 20)::INT,
         count_if(local_hour = 21)::INT, count_if(local_hour = 22)::INT, count_if(local_hour = 23)::INT] AS hours,
        count_if(local_weekday >= 6)::INT AS weekend_events
    FROM events LEFT JOIN mean_prices
        ON events.ds = mean_prices.ds AND events.category IS NOT DISTINCT FROM mean_prices.category
    GROUP BY ALL)
SELECT days.*, coalesce(department_amount, MAP {}) AS department_amount,
       coalesce(category_amount, MAP {}) AS category_amount, coalesce(brand_amount, MAP {}) AS brand_amount
FROM days LEFT JOIN money_maps USING (user_id, ds);

COPY user_daily TO (getvariable('out') || '/user_daily.parquet') (FORMAT parquet, COMPRESSION zstd);

-- section: features
CREATE TEMP TABLE days AS
SELECT *, date_diff('day', ds, getvariable('ds')) AS age FROM user_daily
WHERE ds BETWEEN getvariable('ds') - 364 AND getvariable('ds');

CREATE TEMP TABLE gaps AS
SELECT user_id, count(gap) AS gaps, sum(gap) AS total, sum(gap * gap) AS squares
FROM (SELECT user_id, lag(age) OVER (PARTITION BY user_id ORDER BY age DESC) - age AS gap FROM days WHERE purchases > 0)
GROUP BY user_id;

CREATE TEMP TABLE sums AS
SELECT user_id,
    min(age) FILTER (purchases > 0)::INT AS recency_days,
    coalesce(sum(orders) FILTER (age < 1), 0)::INT AS frequency_1d,
    coalesce(sum(orders) FILTER (age < 7), 0)::INT AS frequency_7d,
    coalesce(sum(orders) FILTER (age < 28), 0)::INT AS frequency_28d,
    coalesce(sum(orders) FILTER (age < 90), 0)::INT AS frequency_90d,
    sum(orders)::INT AS frequency_365d,
    coalesce(sum(amount) FILTER (age < 1), 0)::DECIMAL(18, 2) AS monetary_1d,
    coalesce(sum(amount) FILTER (age < 7), 0)::DECIMAL(18, 2) AS monetary_7d,
    coalesce(sum(amount) FILTER (age < 28), 0)::DECIMAL(18, 2) AS monetary_28d,
    coalesce(sum(amount) FILTER (age < 90), 0)::DECIMAL(18, 2) AS monetary_90d,
    sum(amount)::DECIMAL(18, 2) AS monetary_365d,
    count_if(age < 1)::INT AS active_days_1d,
    count_if(age < 7)::INT AS active_days_7d,
    count_if(age < 28)::INT AS active_days_28d,
    count_if(age < 90)::INT AS active_days_90d,
    count(*)::INT AS active_days_365d,
    coalesce(sum(views) FILTER (age < 28), 0)::INT AS views_28d,
    coalesce(sum(carts) FILTER (age < 28), 0)::INT AS carts_28d,
    coalesce(sum(purchases) FILTER (age < 28), 0) AS lines_28d,
    coalesce(sum(amount) FILTER (age < 56), 0) AS monetary_56d,
    sum(purchases) AS purchases, sum(events) AS events, sum(weekend_events) AS weekend_events,
    sum(list_amount) AS list_amount, sum(discount) AS discount, sum(refund_amount) AS refund_amount,
    sum(expected_amount) AS expected_amount,
    coalesce(len(list_distinct(flatten(list(product_ids) FILTER (age < 90)))), 0)::INT AS products_90d,
    coalesce(len(list_distinct(flatten(list(map_keys(category_amount)) FILTER (age < 90)))), 0)::INT AS categories_90d,
    sum(list_sum(hours[6:12])) AS morning, sum(list_sum(hours[13:18])) AS afternoon,
    sum(list_sum(hours[19:23])) AS evening, sum(list_sum(hours[1:5]) + hours[24]) AS night
FROM days GROUP BY user_id;

CREATE TEMP TABLE tastes AS
SELECT user_id,
    map_from_entries(list({k: name, v: share} ORDER BY amount DESC, name) FILTER (kind = 'department'))
        AS department_shares_365d,
    (list(name ORDER BY amount DESC, name) FILTER (kind = 'category'))[1:5] AS top_categories,
    (list(name ORDER BY amount DESC, name) FILTER (kind = 'brand'))[1:3] AS top_brands,
    coalesce(-sum(share * log2(share)) FILTER (kind = 'category'), 0) AS category_entropy_365d,
    max(share) FILTER (kind = 'category') AS top_category_share_365d,
    max(share) FILTER (kind = 'brand') AS top_brand_share_365d
FROM (
    SELECT *, ratio(amount, sum(amount) OVER (PARTITION BY user_id, kind), 10000000000::HUGEINT) AS share
    FROM (
        SELECT user_id, kind, cell.key AS name, sum(cell.value) AS amount
        FROM (SELECT user_id, 'department' AS kind, unnest(map_entries(department_amount)) AS cell FROM days
              UNION ALL SELECT user_id, 'category', unnest(map_entries(category_amount)) FROM days
              UNION ALL SELECT user_id, 'brand', unnest(map_entries(brand_amount)) FROM days)
        GROUP BY ALL)
    WHERE amount > 0)
GROUP BY user_id;

CREATE TEMP TABLE user_features AS
SELECT users.user_id, getvariable('ds')::DATE AS ds, recency_days,
    date_diff('day', first_seen_ds, getvariable('ds'))::INT AS tenure_days,
    coalesce(COLUMNS('^(frequency|monetary|active_days)_(1|7|28|90|365)d$'), 0),
    coalesce(COLUMNS('^(views_28d|carts_28d|products_90d|categories_90d)$'), 0),
    share(greatest(carts_28d - lines_28d, 0), carts_28d) AS cart_abandonment_28d,
    ratio(monetary_365d, frequency_365d, 10000000000000::HUGEINT) AS basket_value_365d,
    share(purchases, frequency_365d) AS basket_lines_365d,
    category_entropy_365d, top_category_share_365d, top_brand_share_365d,
    ratio(discount, list_amount, 10000000000::HUGEINT) AS discount_share_365d,
    ratio(refund_amount, monetary_365d, 10000000000::HUGEINT) AS refund_share_365d,
    ratio(list_amount, expected_amount, 10000000000::HUGEINT) AS price_index_365d,
    ratio(2 * monetary_28d - monetary_56d, monetary_56d, 100000000::HUGEINT) AS trend_28d,
    share(total, gaps.gaps) AS interpurchase_days_mean,
    CASE WHEN gaps.gaps > 0
         THEN sqrt(greatest(squares / gaps.gaps - (total / gaps.gaps) * (total / gaps.gaps), 0)) END
        AS interpurchase_days_sd,
    share(morning, events) AS morning_share_365d, share(afternoon, events) AS afternoon_share_365d,
    share(evening, events) AS evening_share_365d, share(night, events) AS night_share_365d,
    share(weekend_events, events) AS weekend_share_365d,
    department_shares_365d, top_categories, top_brands
FROM users LEFT JOIN sums USING (user_id) LEFT JOIN gaps USING (user_id) LEFT JOIN tastes USING (user_id)
WHERE first_seen_ds <= getvariable('ds');

COPY user_features TO (getvariable('out') || '/user_features.parquet') (FORMAT parquet, COMPRESSION zstd);

-- section: sequences
COPY (
    SELECT user_id, getvariable('ds')::DATE AS ds, len(steps)::INT AS length,
           make_timestamp(steps[-1].time * 1000000)::DATE AS last_event_ds,
           [s.event_id FOR s IN steps] AS event_ids, [s.time FOR s IN steps] AS event_times,
           [s.event_type FOR s IN steps] AS event_types, [s.product_id FOR s IN steps] AS product_ids,
           [s.category FOR s IN steps] AS categories, [s.price_bucket FOR s IN steps] AS price_buckets
    FROM (
        SELECT user_id, (list({
                   time: epoch_us(event_time) // 1000000, event_id: event_id, event_type: event_type,
                   product_id: coalesce(product_id, ''), category: coalesce(category, ''),
                   price_bucket: CASE WHEN price > 0
                       THEN least(31, 1 + floor(2 * (ln(1 + price::DOUBLE) / ln(2))))::INT ELSE 0 END}
               ORDER BY epoch_us(event_time) // 1000000, event_id))[-256:] AS steps
        FROM events WHERE ds <= getvariable('ds') GROUP BY user_id)
) TO (getvariable('out') || '/user_sequences.parquet') (FORMAT parquet, COMPRESSION zstd);

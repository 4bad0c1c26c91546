-- The whole build of one range of days as one DuckDB script: what `collect`, `clean`, `sequences` and `features` write,
-- row by row (tests/bench/test_equal.py), from the same files of the source `simulate`.
-- Variables: landing, since, ds (the range), out (a folder). Sections are named as our modules; each is timed.

-- section: macros
-- Money by pieces at four decimals, rounded half up, without a detour over floating point.
CREATE MACRO per_piece(money, pieces) AS
    (CAST((CAST(money * 100 AS HUGEINT) * 200 + pieces) // (2 * pieces) AS DECIMAL(38, 0)) * 0.0001::DECIMAL(5, 4));
CREATE MACRO money(total) AS coalesce(total, 0)::DECIMAL(18, 2);
-- The ratio of two sums of money, rounded half up to as many decimals as `unit` has zeros; null where there is no whole.
CREATE MACRO ratio(part, whole, unit) AS CASE WHEN whole > 0 THEN
    CAST(sign(part) * ((2 * abs(CAST(part * 100 AS HUGEINT)) * unit + CAST(whole * 100 AS HUGEINT))
                       // (2 * CAST(whole * 100 AS HUGEINT))) AS DOUBLE) / unit END;
CREATE MACRO share(part, whole) AS CASE WHEN whole > 0 THEN part / whole END;

-- What a hand does one by one.
CREATE MACRO by_hand(event_type) AS event_type IN ('view', 'click', 'search', 'favourite', 'cart');
-- NFKC character by character (`wide` becomes `narrow`), lower case, single spaces.
CREATE MACRO normalised_query(query) AS nullif(trim(regexp_replace(
    lower(CASE WHEN regexp_matches(query, '[' || getvariable('wide') || ']')
               THEN translate(query, getvariable('wide'), getvariable('narrow')) ELSE query END),
    '[\s\p{Z}\p{Cc}\x{200b}\x{feff}]+', ' ', 'g')), '');
-- The patterns of jobs/text.py without its looks around: RE2 has none. `agent` is in lower case.
CREATE MACRO device_class(agent) AS CASE
    WHEN regexp_matches(agent, '(^|[^u]|(^|[^c])u)bot\b|bot[/_.-]|robot|crawl|spider|slurp|scrap[ey]|archiver|fetcher'
        || '|validator|checker|indexer|monitor|(link ?|uri|bing)preview|google-|whatsapp|feed|lighthouse'
        || '|mediapartners|facebookexternalhit|headless|phantomjs|puppeteer|playwright|selenium|https?://|@[\w.]+\.\w'
        || '|curl/|wget|libwww|python|httpclient|^java/|go-http-client|node-fetch|axios|^ruby|^perl|guzzle') THEN 'bot'
    WHEN regexp_matches(agent, 'smart-?tv|smarttv|appletv|apple tv|googletv|android tv|hbbtv|web0s|netcast|bravia'
        || '|aft[a-z]{1,4} build|roku|crkey|mitv|mibox|tizen.*\btv\b|\btv;') THEN 'tv'
    WHEN regexp_matches(agent, 'okhttp|dalvik/|cfnetwork|alamofire|micromessenger|miniprogram|aliapp|alipayclient|jdapp'
        || '|jd4iphone|pinduoduo|weibo|\bqq/|douyin|aweme|; wv\)|fban/|fbav/|instagram|line/') THEN 'app'
    WHEN regexp_matches(agent, 'ipad|tablet|kindle|silk/|playbook|matepad|\bpad\b')
        OR (contains(agent, 'android') AND NOT contains(split_part(agent, 'android', -1), 'mobile')) THEN 'tablet'
    WHEN regexp_matches(agent, 'iphone|ipod|mobile|android|windows phone|blackberry|opera mini|harmonyos|openharmony'
        || '|symbian|ucweb') THEN 'mobile'
    WHEN regexp_matches(agent, 'windows nt|macintosh|x11|cros|linux (x86_64|i686)') THEN 'desktop'
    ELSE 'unknown' END;

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
           nullif(trim(query), '') AS query, nullif(trim(user_agent), '') AS user_agent,
           channel, CAST(ds AS DATE) AS landed_ds
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
SELECT product_id, title, path AS category_path, coalesce(path[2], path[1]) AS category, path[1] AS department, brand
FROM (SELECT sku AS product_id, title, brand, string_split(category, '/') AS path
      FROM read_parquet(getvariable('landing') || '/simulate/products/*/*.parquet', hive_partitioning = true)
      WHERE CAST(ds AS DATE) BETWEEN getvariable('since') AND getvariable('ds'));

-- Few agents and queries are told apart: their patterns are asked once each.
CREATE TEMP TABLE agents AS
SELECT user_agent, device_class(lower(user_agent)) AS device
FROM (SELECT DISTINCT user_agent FROM bronze WHERE user_agent IS NOT NULL);

CREATE TEMP TABLE queries AS
SELECT query, normalised_query(query) AS normalised
FROM (SELECT DISTINCT query FROM bronze WHERE query IS NOT NULL);

CREATE TEMP TABLE corrected AS
SELECT * EXCLUDE (pieces, received, taken_off, negative, user_agent, query, refused), coalesce(device, 'unknown') AS device,
       normalised AS query
FROM (
    SELECT * REPLACE (
            CASE WHEN money AND negative THEN 'refund' ELSE event_type END AS event_type,
            pieces AS quantity,
            coalesce(price, CASE WHEN pieces > 0 THEN per_piece(received + taken_off, pieces) END)::DECIMAL(18, 4)
                AS price,
            received AS amount,
            CASE WHEN money THEN taken_off END AS discount),
        CASE WHEN money THEN (received + taken_off)::DECIMAL(18, 2) END AS list_amount,
        (money AND coalesce(quantity, 1) = 0 AND coalesce(amount, 0) = 0) OR coalesce(price < 0, false) AS refused
    FROM (
        SELECT *, CASE WHEN money THEN coalesce(abs(coalesce(amount, price * pieces - taken_off))::DECIMAL(18, 2), 0) END
               AS received
        FROM (
            SELECT *, event_type IN ('purchase', 'refund') AS money,
                   coalesce(quantity < 0, false) OR coalesce(amount < 0, false) AS negative,
                   coalesce(discount, 0)::DECIMAL(18, 2) AS taken_off,
                   abs(CASE WHEN event_type IN ('purchase', 'refund') AND coalesce(quantity, 0) = 0 THEN 1
                            ELSE quantity END) AS pieces
            FROM bronze)))
LEFT JOIN agents USING (user_agent) LEFT JOIN queries USING (query)
WHERE NOT refused;
DROP TABLE bronze;

-- A user's day is a program's by its rates, or because the program says so. Only busy days are put in order.
CREATE TEMP TABLE bot_days AS
WITH busy AS (
    SELECT user_id, ds, count_if(by_hand(event_type)) > 2000 OR bool_or(device = 'bot') AS sure
    FROM corrected GROUP BY ALL HAVING count_if(by_hand(event_type)) > 120 OR bool_or(device = 'bot'))
SELECT user_id, ds FROM busy WHERE sure
UNION
SELECT user_id, ds FROM (
    SELECT user_id, ds FROM corrected SEMI JOIN (FROM busy WHERE NOT sure) USING (user_id, ds)
    WHERE by_hand(event_type)
    WINDOW day AS (PARTITION BY user_id, ds ORDER BY event_time)
    QUALIFY event_time - lag(event_time, 120) OVER day <= INTERVAL 1 MINUTE
         OR event_time - lag(event_time, 500) OVER day <= INTERVAL 10 MINUTES);

-- How far a product's (else its category's) price, quantity and value may be off the medians of the day.
CREATE TEMP TABLE bounds AS
WITH lines AS (
    SELECT level, ds, name, price::DOUBLE AS price, quantity::DOUBLE AS quantity
    FROM (UNPIVOT (SELECT ds, product_id AS product, coalesce(category, '') AS category, price, quantity
                   FROM corrected LEFT JOIN facts USING (product_id)
                   WHERE event_type = 'purchase' AND landed_ds <= ds AND price > 0 AND quantity > 0)
          ON product, category INTO NAME level VALUE name)),
many AS (
    SELECT level, ds, name FROM lines GROUP BY ALL
    HAVING count(*) >= CASE level WHEN 'product' THEN 20 ELSE 50 END),
middles AS (
    SELECT level, ds, name, median(price) AS price_middle, median(quantity) AS quantity_middle,
           median(price * quantity) AS value_middle,
           CASE level WHEN 'product' THEN 8 ELSE 25 END AS value_factor,
           CASE level WHEN 'product' THEN 50 ELSE 100 END AS least_factor
    FROM lines SEMI JOIN many USING (level, ds, name) GROUP BY ALL),
factors AS (
    SELECT level, ds, name, price_middle, quantity_middle, value_middle, value_factor,
           greatest(exp(median(abs(ln(price / price_middle))) * 6.0::DOUBLE * 1.4826::DOUBLE), value_factor)
               AS price_factor,
           greatest(exp(median(abs(ln(quantity / quantity_middle))) * 6.0::DOUBLE * 1.4826::DOUBLE),
                    least_factor) AS quantity_factor
    FROM lines JOIN middles USING (level, ds, name)
    GROUP BY level, ds, name, price_middle, quantity_middle, value_middle, value_factor, least_factor)
SELECT level, ds, name, {
    price_low: price_middle / price_factor, price_high: price_middle * price_factor,
    quantity_high: floor(quantity_middle * quantity_factor),
    value_low: value_middle / value_factor, value_high: value_middle * value_factor} AS bound
FROM factors;

-- The few lines that are drawn in to their bound, and by what their money is scaled.
CREATE TEMP TABLE drawn_in AS
WITH lines AS (
    SELECT event_id, corrected.ds AS ds, price, quantity, list_amount, price::DOUBLE * quantity AS value,
           coalesce(of_product.bound, of_category.bound) AS bound
    FROM corrected LEFT JOIN facts USING (product_id)
    LEFT JOIN bounds AS of_product ON of_product.level = 'product' AND of_product.ds = corrected.ds
        AND of_product.name = product_id
    LEFT JOIN bounds AS of_category ON of_category.level = 'category' AND of_category.ds = corrected.ds
        AND of_category.name = coalesce(category, '')
    WHERE event_type IN ('purchase', 'refund')),
fair AS (
    SELECT *,
        CASE WHEN value > bound.value_high AND price > bound.price_high
             THEN greatest(bound.price_high, bound.value_high / quantity)
             WHEN value > 0 AND value < bound.value_low AND price < bound.price_low
             THEN least(bound.price_low, bound.value_low / quantity) END::DECIMAL(18, 4) AS fair_price,
        CASE WHEN value > bound.value_high AND quantity > bound.quantity_high
             THEN greatest(bound.quantity_high, floor(bound.value_high / price::DOUBLE)) END::BIGINT AS fair_quantity
    FROM lines WHERE bound IS NOT NULL)
SELECT event_id, ds, fair_price, fair_quantity,
       CASE WHEN abs(value - list_amount) <= list_amount * 0.05::DOUBLE
            THEN coalesce(fair_price, price)::DOUBLE * coalesce(fair_quantity, quantity) / value END AS scale
FROM fair WHERE fair_price IS NOT NULL OR fair_quantity IS NOT NULL;

-- The shop's clock is eight hours ahead of UTC; its session days begin at 4 o'clock.
CREATE TEMP VIEW sessions AS
SELECT *, fresh AS session_start,
       event_type = 'purchase' AND coalesce(max(CASE WHEN event_type = 'purchase' THEN second END)
           OVER (visit ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) < start, true) AS order_start
FROM (
    SELECT *, max(CASE WHEN fresh THEN second END) OVER (visit ROWS UNBOUNDED PRECEDING) AS start
    FROM (
        SELECT *, coalesce(second - lag(second) OVER visit > 30 * 60, true) AS fresh
        FROM (SELECT *, epoch_us(event_time) // 1000000 AS second,
                     (event_time + INTERVAL (8 - 4) HOUR)::DATE AS session_day FROM corrected)
        WINDOW visit AS (PARTITION BY user_id, session_day ORDER BY event_time, event_id))
    WINDOW visit AS (PARTITION BY user_id, session_day ORDER BY event_time, event_id))
WINDOW visit AS (PARTITION BY user_id, session_day ORDER BY event_time, event_id);

CREATE TEMP TABLE events AS
SELECT 'simulate:' || event_id AS event_id, 'simulate' AS source, user_id, event_time, event_type, product_id,
       category, department, brand,
       coalesce(fair_quantity, quantity) AS quantity, coalesce(fair_price, price) AS price,
       coalesce(round(amount * scale, 2)::DECIMAL(18, 2), amount) AS amount,
       CASE WHEN scale IS NULL THEN discount
            ELSE round(list_amount * scale, 2)::DECIMAL(18, 2) - round(amount * scale, 2)::DECIMAL(18, 2)
            END::DECIMAL(18, 2) AS discount,
       coalesce(round(list_amount * scale, 2)::DECIMAL(18, 2), list_amount) AS list_amount,
       CASE WHEN fair_quantity IS NOT NULL THEN quantity END AS quantity_raw,
       CASE WHEN fair_price IS NOT NULL THEN price END AS price_raw,
       CASE WHEN scale IS NOT NULL THEN amount END AS amount_raw,
       user_id || '@' || start AS session_id, session_start, order_start, query, device,
       hour(event_time + INTERVAL 8 HOUR)::INT AS local_hour, isodow(event_time + INTERVAL 8 HOUR)::INT AS local_weekday,
       is_bot IS NOT NULL AS is_bot, landed_ds, ds
FROM sessions LEFT JOIN facts USING (product_id) LEFT JOIN drawn_in USING (event_id, ds)
LEFT JOIN (SELECT user_id, ds, true AS is_bot FROM bot_days) USING (user_id, ds);
DROP TABLE corrected CASCADE;

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
        FROM events WHERE product_id IS NOT NULL AND event_type != 'refund' GROUP BY product_id) USING (product_id)
) TO (getvariable('out') || '/products.parquet') (FORMAT parquet, COMPRESSION zstd);

-- section: user_daily
-- Bots' lines count too, and late ones do not: a late line of one user never changes another's day.
CREATE TEMP TABLE mean_prices AS
SELECT ds, category, per_piece(sum(list_amount), sum(quantity))::DECIMAL(18, 4) AS mean_price
FROM events WHERE event_type = 'purchase' AND landed_ds <= ds GROUP BY ALL;

CREATE TEMP TABLE money_maps AS
SELECT user_id, ds,
       map_from_entries(list({k: name, v: amount} ORDER BY name) FILTER (kind = 'department')) AS department_amount,
       map_from_entries(list({k: name, v: amount} ORDER BY name) FILTER (kind = 'category')) AS category_amount,
       map_from_entries(list({k: name, v: amount} ORDER BY name) FILTER (kind = 'brand')) AS brand_amount
FROM (
    SELECT user_id, ds, kind, name, sum(amount)::DECIMAL(18, 2) AS amount
    FROM (UNPIVOT (SELECT user_id, ds, amount, department, category, brand FROM events
                   WHERE event_type = 'purchase' AND NOT is_bot)
          ON department, category, brand INTO NAME kind VALUE name)
    GROUP BY ALL)
GROUP BY ALL;

CREATE TEMP TABLE product_lists AS
SELECT user_id, ds,
    list_sort(list(DISTINCT product_id) FILTER (event_type IN ('view', 'click'))) AS viewed_ids,
    list_sort(list(DISTINCT product_id) FILTER (event_type = 'cart')) AS carted_ids,
    list_sort(list(DISTINCT product_id) FILTER (event_type = 'purchase')) AS product_ids
FROM events
WHERE event_type IN ('view', 'click', 'cart', 'purchase') AND product_id IS NOT NULL AND NOT is_bot GROUP BY ALL;

CREATE TEMP TABLE user_daily AS
WITH seen AS (  -- a bot's event has no type, hour or weekday, and so is counted as nothing but a bot's
    SELECT user_id, events.ds AS ds, is_bot, quantity, amount, list_amount, discount,
           CASE WHEN is_bot THEN '' ELSE event_type END AS event_type,
           NOT is_bot AND session_start AS session_start, NOT is_bot AND order_start AS order_start,
           CASE WHEN is_bot THEN -1 ELSE local_hour END AS local_hour,
           CASE WHEN is_bot THEN -1 ELSE local_weekday END AS local_weekday,
           mean_price * quantity AS mean_amount
    FROM events LEFT JOIN mean_prices
        ON events.ds = mean_prices.ds AND events.category IS NOT DISTINCT FROM mean_prices.category),
days AS (
    SELECT user_id, ds,
        count_if(NOT is_bot)::INT AS events,
        count_if(is_bot)::INT AS bot_events,
        count_if(event_type IN ('view', 'click'))::INT AS views,
        count_if(event_type = 'search')::INT AS searches,
        count_if(event_type = 'favourite')::INT AS favourites,
        count_if(event_type = 'cart')::INT AS carts,
        count_if(event_type = 'uncart')::INT AS uncarts,
        count_if(event_type = 'purchase')::INT AS purchases,
        count_if(event_type = 'refund')::INT AS refunds,
        count_if(order_start)::INT AS orders,
        count_if(session_start)::INT AS sessions,
        coalesce(sum(quantity) FILTER (event_type = 'purchase'), 0)::BIGINT AS quantity,
        money(sum(amount) FILTER (event_type = 'purchase')) AS amount,
        money(sum(list_amount) FILTER (event_type = 'purchase')) AS list_amount,
        money(sum(discount) FILTER (event_type = 'purchase')) AS discount,
        money(sum(amount) FILTER (event_type = 'refund')) AS refund_amount,
        money(sum(coalesce(mean_amount, list_amount)::DECIMAL(18, 2)) FILTER (event_type = 'purchase'))
            AS expected_amount,
        money(sum(amount) FILTER (event_type = 'purchase' AND list_amount * 4 < mean_amount * 3)) AS low_price_amount,
        money(sum(amount) FILTER (event_type = 'purchase' AND list_amount * 4 > mean_amount * 5)) AS high_price_amount,
        [count_if(local_hour = 0)::INT, count_if(local_hour = 1)::INT, count_if(local_hour = 2)::INT,
         count_if(local_hour = 3)::INT, count_if(local_hour = 4)::INT, count_if(local_hour = 5)::INT,
         count_if(local_hour = 6)::INT, count_if(local_hour = 7)::INT, count_if(local_hour = 8)::INT,
         count_if(local_hour = 9)::INT, count_if(local_hour = 10)::INT, count_if(local_hour = 11)::INT,
         count_if(local_hour = 12)::INT, count_if(local_hour = 13)::INT, count_if(local_hour = 14)::INT,
         count_if(local_hour = 15)::INT, count_if(local_hour = 16)::INT, count_if(local_hour = 17)::INT,
         count_if(local_hour = 18)::INT, count_if(local_hour = 19)::INT, count_if(local_hour = 20)::INT,
         count_if(local_hour = 21)::INT, count_if(local_hour = 22)::INT, count_if(local_hour = 23)::INT] AS hours,
        [count_if(local_weekday = 1)::INT, count_if(local_weekday = 2)::INT, count_if(local_weekday = 3)::INT,
         count_if(local_weekday = 4)::INT, count_if(local_weekday = 5)::INT, count_if(local_weekday = 6)::INT,
         count_if(local_weekday = 7)::INT] AS weekdays
    FROM seen GROUP BY ALL)
SELECT days.*, coalesce(viewed_ids, []) AS viewed_ids, coalesce(carted_ids, []) AS carted_ids,
       coalesce(product_ids, []) AS product_ids, coalesce(department_amount, MAP {}) AS department_amount,
       coalesce(category_amount, MAP {}) AS category_amount, coalesce(brand_amount, MAP {}) AS brand_amount
FROM days LEFT JOIN product_lists USING (user_id, ds) LEFT JOIN money_maps USING (user_id, ds);

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

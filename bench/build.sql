-- The whole build of one range of days as one DuckDB script: what `collect`, `clean`, `features` and `sequences` write,
-- row by row (tests/bench/test_equal.py), from the same files of the source `simulate`. The rules are those of
-- conf/cleaning.yaml, as numbers.
-- Left out, so that our verbs do more than this script: silver.refunds, what products' titles say (brand_source,
-- title_tokens, title_attributes; the shop names every brand), which record a user or product is known by (record_*),
-- the maps of unmapped columns (attributes), and the books of a run (ops.loads, ops.restated, ops.lateness,
-- ops.missing_values, the texts of refused records).
-- Variables: landing, since, ds (the range), out (a folder), wide and narrow (characters, and what NFKC folds them to).
-- Sections are named as our modules; each is timed.

-- section: macros
-- Money by pieces at four decimals, rounded half up, without a detour over floating point.
CREATE MACRO per_piece(money, pieces) AS
    (CAST((CAST(money * 10000 AS HUGEINT) * 2 + pieces) // (2 * pieces) AS DECIMAL(38, 0)) * 0.0001::DECIMAL(5, 4));
CREATE MACRO money(total) AS coalesce(total, 0)::DECIMAL(18, 4);
CREATE MACRO units(money) AS (money * 10000)::BIGINT;
-- Null where there is no whole; a share is at most 1; a trend holds 28 days against the 28 before, `total` is both.
CREATE MACRO ratio(part, whole) AS CASE WHEN whole > 0 THEN part / whole END;
CREATE MACRO share(part, whole) AS CASE WHEN whole > 0 THEN least(part / whole, 1) END;
CREATE MACRO trend(recent, total) AS ratio(2 * coalesce(recent, 0) - total, total);
-- Of amounts a with the sum `money`; `spread` is the sum of a log2(a) in 1/100, whole: no order of adding shows.
CREATE MACRO entropy(money, spread) AS
    CASE WHEN money > 0 THEN greatest(round(log2(money) - spread / (money * 100), 5), 0) END;
-- Arrays added up, element by element.
CREATE MACRO hour_sums(hours) AS [
    sum(hours[1]), sum(hours[2]), sum(hours[3]), sum(hours[4]), sum(hours[5]), sum(hours[6]),
    sum(hours[7]), sum(hours[8]), sum(hours[9]), sum(hours[10]), sum(hours[11]), sum(hours[12]),
    sum(hours[13]), sum(hours[14]), sum(hours[15]), sum(hours[16]), sum(hours[17]), sum(hours[18]),
    sum(hours[19]), sum(hours[20]), sum(hours[21]), sum(hours[22]), sum(hours[23]), sum(hours[24])];
CREATE MACRO weekday_sums(days) AS [
    sum(days[1]), sum(days[2]), sum(days[3]), sum(days[4]), sum(days[5]), sum(days[6]), sum(days[7])];
-- What a hand does one by one.
CREATE MACRO by_hand(event_type) AS event_type IN ('view', 'click', 'search', 'favourite', 'cart');
-- NFKC character by character (`wide` becomes `narrow`), lower case, single spaces.
CREATE MACRO normalised_query(query) AS nullif(trim(regexp_replace(
    lower(CASE WHEN regexp_matches(query, '[' || getvariable('wide') || ']')
               THEN translate(query, getvariable('wide'), getvariable('narrow')) ELSE query END),
    '[\s\p{Z}\p{Cc}\x{200b}\x{feff}]+', ' ', 'g')), '');
CREATE MACRO model_name() AS '(android[ /]?[0-9.]*; ?(?:[a-z]{2}[-_][a-z]{2}; ?)?)[^;)/]*( build/|[;)])';
-- The patterns of jobs/clean/devices.py without its looks around: RE2 has none. `agent` is in lower case.
CREATE MACRO device_class(agent) AS CASE
    WHEN regexp_matches(regexp_replace(agent, model_name(), '\1\2', 'g'),
        '(^|[^u]|(^|[^c])u)bot(\b|_)|robot|crawl|spider|slurp|scrap[ey]|archiver|fetcher'
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
-- Typed; what cannot be loaded has a reason. A day is the shop's, whose clock is eight hours ahead of UTC.
CREATE TEMP TABLE records AS
SELECT *, (event_time + INTERVAL 8 HOUR)::DATE AS ds, concat_ws('; ',
    CASE WHEN event_id IS NULL THEN 'missing_id' END,
    CASE WHEN user_id IS NULL THEN 'missing_user_id' END,
    CASE WHEN event_time IS NULL THEN 'missing_event_time' END,
    CASE WHEN event_type IS NULL THEN 'missing_event_type'
         WHEN event_type NOT IN ('view', 'click', 'search', 'favourite', 'cart', 'uncart', 'purchase', 'refund')
         THEN 'unknown_event_type: ' || event_type END,
    CASE WHEN ds < DATE '2020-01-01' THEN 'impossible_time: before 2020-01-01: ' || event_time::VARCHAR
         WHEN ds > landed_ds + 1 THEN 'impossible_time: after its delivery: ' || event_time::VARCHAR END
) AS reason
FROM (
    SELECT CAST(event_id AS VARCHAR) AS event_id, nullif(trim(user_id), '') AS user_id,
           make_timestamp(ts * 1000) AS event_time, nullif(trim(action), '') AS event_type,
           nullif(trim(sku), '') AS product_id, CAST(qty AS BIGINT) AS quantity, CAST(price AS DECIMAL(18, 4)) AS price,
           CAST(paid AS DECIMAL(18, 4)) AS amount, CAST(discount AS DECIMAL(18, 4)) AS discount,
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
SELECT * EXCLUDE (money, negative, pieces, received, taken_off, refused, user_agent, device, query, normalised),
       coalesce(device, 'unknown') AS device, normalised AS query
FROM (
    SELECT * REPLACE (
            CASE WHEN money AND negative THEN 'refund' ELSE event_type END AS event_type,
            pieces AS quantity,
            coalesce(price, CASE WHEN pieces > 0 AND amount IS NOT NULL THEN per_piece(received + taken_off, pieces) END)::DECIMAL(18, 4)
                AS price,
            received AS amount,
            CASE WHEN money THEN taken_off END AS discount),
        CASE WHEN money THEN (received + taken_off)::DECIMAL(18, 4) END AS list_amount,
        (money AND coalesce(quantity, 1) = 0 AND coalesce(amount, 0) = 0) OR coalesce(price < 0, false) AS refused
    FROM (
        SELECT *, CASE WHEN money THEN coalesce(abs(coalesce(amount, price * pieces - taken_off))::DECIMAL(18, 4), 0) END
               AS received
        FROM (
            SELECT *, event_type IN ('purchase', 'refund') AS money,
                   coalesce(quantity < 0, false) OR coalesce(amount < 0, false) AS negative,
                   coalesce(discount, 0)::DECIMAL(18, 4) AS taken_off,
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

-- Session days begin at 4 o'clock at the shop.
CREATE TEMP VIEW sessions AS
SELECT *, fresh AS session_start, event_type = 'purchase' AND coalesce(ordered < start, true) AS order_start
FROM (
    SELECT *, max(CASE WHEN fresh THEN second END) OVER (visit ROWS UNBOUNDED PRECEDING) AS start,
           max(CASE WHEN event_type = 'purchase' THEN second END)
               OVER (visit ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS ordered
    FROM (
        SELECT *, coalesce(second - lag(second) OVER visit > 30 * 60, true) AS fresh
        FROM (SELECT *, epoch_us(event_time) // 1000000 AS second,
                     (event_time + INTERVAL (8 - 4) HOUR)::DATE AS session_day FROM corrected)
        WINDOW visit AS (PARTITION BY user_id, session_day ORDER BY event_time, event_id))
    WINDOW visit AS (PARTITION BY user_id, session_day ORDER BY event_time, event_id));

CREATE TEMP TABLE events AS
SELECT 'simulate:' || event_id AS event_id, 'simulate' AS source, user_id, event_time, event_type, product_id,
       category, department, brand,
       coalesce(fair_quantity, quantity) AS quantity, coalesce(fair_price, price) AS price,
       coalesce(round(amount * scale, 4)::DECIMAL(18, 4), amount) AS amount,
       CASE WHEN scale IS NULL THEN discount
            ELSE round(list_amount * scale, 4)::DECIMAL(18, 4) - round(amount * scale, 4)::DECIMAL(18, 4)
            END::DECIMAL(18, 4) AS discount,
       coalesce(round(list_amount * scale, 4)::DECIMAL(18, 4), list_amount) AS list_amount,
       CASE WHEN fair_quantity IS NOT NULL THEN quantity END AS quantity_raw,
       CASE WHEN fair_price IS NOT NULL THEN price END AS price_raw,
       CASE WHEN scale IS NOT NULL THEN amount END AS amount_raw,
       user_id || '@' || start AS session_id, session_start, order_start, query, device,
       hour(event_time + INTERVAL 8 HOUR)::INT AS local_hour,
       isodow(event_time + INTERVAL 8 HOUR)::INT AS local_weekday,
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
    SELECT user_id, ds, kind, name, sum(amount)::DECIMAL(18, 4) AS amount
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
        money(sum(coalesce(mean_amount, list_amount)::DECIMAL(18, 4)) FILTER (event_type = 'purchase'))
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
       coalesce(category_amount, MAP {}) AS category_amount, coalesce(brand_amount, MAP {}) AS brand_amount,
       date_trunc('week', ds)::DATE AS week
FROM days LEFT JOIN product_lists USING (user_id, ds) LEFT JOIN money_maps USING (user_id, ds);

COPY user_daily TO (getvariable('out') || '/user_daily.parquet') (FORMAT parquet, COMPRESSION zstd);

-- section: features
-- Windows are nested: what a user did is summed by period first (named by the smallest window that holds it), then the
-- periods to windows, a row a user and window. So a feature is said once; at the end its windows are laid side by side.
CREATE TEMP TABLE windows AS
SELECT period, w FROM (SELECT unnest([1, 7, 28, 56, 90, 365]) AS period), (SELECT unnest([1, 7, 28, 56, 90, 365]) AS w)
WHERE period <= w;

CREATE MACRO period(age) AS CASE WHEN age < 1 THEN 1 WHEN age < 7 THEN 7 WHEN age < 28 THEN 28 WHEN age < 56 THEN 56
                                 WHEN age < 90 THEN 90 ELSE 365 END;

CREATE TEMP VIEW days AS
SELECT *, date_diff('day', ds, getvariable('ds')) AS age FROM user_daily
WHERE ds BETWEEN getvariable('ds') - 364 AND getvariable('ds');

CREATE TEMP TABLE periods AS
SELECT user_id, period(age) AS period,
    sum(events) AS events, sum(views) AS views, sum(searches) AS searches, sum(favourites) AS favourites,
    sum(carts) AS carts, sum(uncarts) AS uncarts, sum(purchases) AS purchases, sum(refunds) AS refunds,
    sum(orders) AS orders, sum(sessions) AS sessions, sum(quantity) AS quantity,
    units(sum(amount)) AS amount, units(sum(list_amount)) AS list_amount, units(sum(discount)) AS discount,
    units(sum(refund_amount)) AS refund_amount, units(sum(expected_amount)) AS expected_amount,
    units(sum(low_price_amount)) AS low_price_amount, units(sum(high_price_amount)) AS high_price_amount,
    count_if(events > 0) AS active_days,
    hour_sums(hours) AS hours, weekday_sums(weekdays) AS weekdays,
    min(age) FILTER (events > 0) AS newest_event, min(age) FILTER (carts > 0) AS newest_cart,
    min(age) FILTER (purchases > 0) AS newest_purchase
FROM days GROUP BY ALL;

-- A product counts in the period in which it was seen last: so distinct products add up as all else does.
CREATE TEMP TABLE newest_products AS
SELECT user_id, period(age) AS period, count_if(kind = 'bought') AS products,
       count_if(kind = 'viewed') AS products_viewed, count_if(kind = 'carted') AS products_carted
FROM (
    SELECT user_id, kind, product_id, min(age) AS age
    FROM (SELECT user_id, age, 'bought' AS kind, unnest(product_ids) AS product_id FROM days WHERE purchases > 0
          UNION ALL SELECT user_id, age, 'viewed', unnest(viewed_ids) FROM days WHERE age < 28
          UNION ALL SELECT user_id, age, 'carted', unnest(carted_ids) FROM days WHERE age < 28)
    GROUP BY ALL)
GROUP BY ALL;

CREATE TEMP TABLE totals AS
SELECT user_id, w, coalesce(sum(COLUMNS(* EXCLUDE (user_id, period, w))), 0)::BIGINT
FROM (SELECT * EXCLUDE (hours, weekdays, newest_event, newest_cart, newest_purchase),
             list_sum(hours[6:12]) AS morning, list_sum(hours[13:18]) AS afternoon, list_sum(hours[19:23]) AS evening,
             list_sum(hours[1:5]) + hours[24] AS night, weekdays[6] + weekdays[7] AS weekend
      FROM periods
      UNION ALL BY NAME FROM newest_products)
JOIN windows USING (period)
GROUP BY user_id, w;

CREATE TEMP TABLE spent AS
SELECT user_id, w, kind, name, sum(units)::BIGINT AS units
FROM (
    SELECT user_id, period(age) AS period, kind, cell.key AS name, units(sum(cell.value)) AS units
    FROM (SELECT user_id, age, 'department' AS kind, unnest(map_entries(department_amount)) AS cell
          FROM days WHERE purchases > 0
          UNION ALL SELECT user_id, age, 'category', unnest(map_entries(category_amount)) FROM days WHERE purchases > 0
          UNION ALL SELECT user_id, age, 'brand', unnest(map_entries(brand_amount)) FROM days WHERE purchases > 0)
    GROUP BY ALL)
JOIN windows USING (period)
GROUP BY user_id, w, kind, name;

CREATE TEMP TABLE tastes AS
SELECT user_id, w,
    any_value(found) FILTER (kind = 'category') AS categories,
    any_value(found) FILTER (kind = 'brand') AS brands,
    any_value(largest / money) FILTER (kind = 'department') AS top_department_share,
    any_value(largest / money) FILTER (kind = 'category') AS top_category_share,
    any_value(largest / money) FILTER (kind = 'brand') AS top_brand_share,
    any_value(entropy(money, spread)) FILTER (kind = 'category') AS category_entropy,
    any_value(entropy(money, spread)) FILTER (kind = 'brand') AS brand_entropy
FROM (
    SELECT user_id, w, kind, count(*) AS found, max(paid) AS largest, sum(paid) AS money,
           sum(round_even(paid * log2(paid) * 100, 0)::BIGINT) AS spread
    FROM (SELECT *, CASE WHEN units > 0 THEN units END AS paid FROM spent) GROUP BY user_id, w, kind)
GROUP BY ALL;

CREATE TEMP TABLE counts AS
SELECT user_id, coalesce(any_value(COLUMNS('^(.*)_Wd$')) FILTER (w = 1), 0) AS '\1_1d',
       coalesce(any_value(COLUMNS('^(.*)_Wd$')) FILTER (w = 7), 0) AS '\1_7d',
       coalesce(any_value(COLUMNS('^(.*)_Wd$')) FILTER (w = 28), 0) AS '\1_28d',
       coalesce(any_value(COLUMNS('^(.*)_Wd$')) FILTER (w = 90), 0) AS '\1_90d',
       coalesce(any_value(COLUMNS('^(.*)_Wd$')) FILTER (w = 365), 0) AS '\1_365d'
FROM (SELECT user_id, w, orders::INT AS frequency_Wd, (amount * 0.0001)::DECIMAL(18, 4) AS monetary_Wd,
             active_days::INT AS active_days_Wd, sessions::INT AS sessions_Wd, purchases::INT AS purchases_Wd,
             quantity AS quantity_Wd, views::INT AS views_Wd, searches::INT AS searches_Wd,
             favourites::INT AS favourites_Wd, carts::INT AS carts_Wd, refunds::INT AS refunds_Wd,
             products::INT AS products_Wd, products_viewed::INT AS products_viewed_Wd,
             products_carted::INT AS products_carted_Wd, categories::INT AS categories_Wd, brands::INT AS brands_Wd
      FROM users LEFT JOIN totals USING (user_id) LEFT JOIN tastes USING (user_id, w))
GROUP BY user_id;

CREATE TEMP TABLE ratios AS
SELECT user_id, any_value(COLUMNS('^(.*)_Wd$')) FILTER (w = 28) AS '\1_28d',
       any_value(COLUMNS('^(.*)_Wd$')) FILTER (w = 90) AS '\1_90d',
       any_value(COLUMNS('^(.*)_Wd$')) FILTER (w = 365) AS '\1_365d'
FROM (
    SELECT user_id, w,
        share(orders, sessions) AS conversion_Wd,
        share(carts, views) AS view_cart_rate_Wd,
        share(purchases, carts) AS cart_purchase_rate_Wd,
        share(purchases, views) AS view_purchase_rate_Wd,
        ratio(greatest(carts - purchases, 0), carts) AS cart_abandonment_Wd,
        share(uncarts, carts) AS uncart_share_Wd,
        ratio(refund_amount, amount) AS refund_share_Wd,
        ratio(discount, list_amount) AS discount_share_Wd,
        ratio(amount, orders * 10000) AS basket_value_Wd,
        ratio(purchases, orders) AS basket_lines_Wd,
        ratio(list_amount, quantity * 10000) AS mean_price_Wd,
        ratio(list_amount, expected_amount) AS price_index_Wd,
        ratio(low_price_amount, amount) AS low_price_share_Wd,
        ratio(high_price_amount, amount) AS high_price_share_Wd,
        ratio(morning, events) AS morning_share_Wd, ratio(afternoon, events) AS afternoon_share_Wd,
        ratio(evening, events) AS evening_share_Wd, ratio(night, events) AS night_share_Wd,
        ratio(weekend, events) AS weekend_share_Wd,
        top_department_share AS top_department_share_Wd, top_category_share AS top_category_share_Wd,
        top_brand_share AS top_brand_share_Wd,
        category_entropy AS category_entropy_Wd, brand_entropy AS brand_entropy_Wd
    FROM totals LEFT JOIN tastes USING (user_id, w) WHERE w IN (28, 90, 365))
GROUP BY user_id;

CREATE TEMP TABLE trends AS
SELECT user_id, trend(now.amount, total.amount) AS trend_28d, trend(now.orders, total.orders) AS frequency_trend_28d,
       trend(now.sessions, total.sessions) AS sessions_trend_28d,
       trend(now.active_days, total.active_days) AS active_days_trend_28d,
       trend(now.views, total.views) AS views_trend_28d, trend(now.carts, total.carts) AS carts_trend_28d
FROM (FROM totals WHERE w = 56) AS total LEFT JOIN (FROM totals WHERE w = 28) AS now USING (user_id);

CREATE TEMP TABLE gaps AS
SELECT user_id, count(gap) AS gaps, sum(gap) AS total, sum(gap * gap) AS squares
FROM (SELECT user_id, lag(age) OVER (PARTITION BY user_id ORDER BY age DESC) - age AS gap FROM days WHERE purchases > 0)
GROUP BY user_id;

CREATE TEMP TABLE profiles AS
SELECT user_id, newest_event::INT AS inactive_days, newest_cart::INT AS cart_recency_days,
       newest_purchase::INT AS recency_days,
       CASE WHEN events > 0 THEN [n / events FOR n IN hours] END AS hour_shares_365d,
       CASE WHEN events > 0 THEN [n / events FOR n IN weekdays] END AS weekday_shares_365d,
       CASE WHEN events > 0 THEN list_position(hours, list_max(hours)) - 1 END::INT AS peak_hour_365d,
       CASE WHEN events > 0 THEN list_position(weekdays, list_max(weekdays)) END::INT AS peak_weekday_365d
FROM (SELECT user_id, sum(events) AS events, hour_sums(hours) AS hours, weekday_sums(weekdays) AS weekdays,
             min(newest_event) AS newest_event, min(newest_cart) AS newest_cart, min(newest_purchase) AS newest_purchase
      FROM periods GROUP BY user_id);

CREATE TEMP TABLE ranked AS
SELECT user_id,
    map_from_entries(departments) AS department_shares_365d,
    map_from_entries(categories[1:10]) AS category_shares_365d, map_from_entries(brands[1:10]) AS brand_shares_365d,
    [c.k FOR c IN categories[1:5]] AS top_categories, [b.k FOR b IN brands[1:3]] AS top_brands
FROM (
    SELECT user_id, list({k: name, v: share} ORDER BY units DESC, name) FILTER (kind = 'department') AS departments,
           list({k: name, v: share} ORDER BY units DESC, name) FILTER (kind = 'category') AS categories,
           list({k: name, v: share} ORDER BY units DESC, name) FILTER (kind = 'brand') AS brands
    FROM (SELECT *, units / sum(units) OVER (PARTITION BY user_id, kind) AS share
          FROM spent WHERE w = 365 AND units > 0)
    GROUP BY user_id);

CREATE TEMP TABLE user_features AS
SELECT * EXCLUDE (first_seen_ds, gaps, total, squares, products_viewed_90d, products_viewed_365d,
                  products_carted_90d, products_carted_365d),
    getvariable('ds')::DATE AS ds,
    date_diff('day', first_seen_ds, getvariable('ds'))::INT AS tenure_days,
    ratio(total, gaps) AS interpurchase_days_mean,
    ratio(sqrt(gaps * squares - total * total), gaps) AS interpurchase_days_sd,
    ratio(recency_days * gaps, total) AS overdue_ratio
FROM (SELECT user_id, first_seen_ds FROM users WHERE first_seen_ds <= getvariable('ds'))
LEFT JOIN counts USING (user_id) LEFT JOIN ratios USING (user_id) LEFT JOIN trends USING (user_id)
LEFT JOIN gaps USING (user_id) LEFT JOIN profiles USING (user_id) LEFT JOIN ranked USING (user_id);

COPY user_features TO (getvariable('out') || '/user_features.parquet') (FORMAT parquet, COMPRESSION zstd);

-- section: sequences
COPY (
    SELECT user_id, getvariable('ds')::DATE AS ds, len(steps)::INT AS length,
           DATE '1970-01-01' + steps[-1].day AS last_event_ds, [s.day FOR s IN steps] AS event_days,
           [s.event_id FOR s IN steps] AS event_ids, [s.time FOR s IN steps] AS event_times, [s.hour FOR s IN steps] AS event_hours,
           [s.event_type FOR s IN steps] AS event_types, [s.product_id FOR s IN steps] AS product_ids,
           [s.category FOR s IN steps] AS categories, [s.price_bucket FOR s IN steps] AS price_buckets
    FROM (
        SELECT user_id, (list({
                   day: (ds - DATE '1970-01-01')::INT, time: epoch_us(event_time) // 1000000, event_id: event_id,
                   event_type: event_type,
                   product_id: coalesce(product_id, ''), category: coalesce(category, ''),
                   price_bucket: CASE WHEN price > 0
                       THEN least(63, 1 + floor(2 * (ln(1 + price::DOUBLE) / ln(2))))::INT ELSE 0 END,
                   hour: local_hour}
               ORDER BY ds, epoch_us(event_time) // 1000000, event_id))[-256:] AS steps
        FROM events WHERE ds <= getvariable('ds') GROUP BY user_id)
) TO (getvariable('out') || '/user_sequences.parquet') (FORMAT parquet, COMPRESSION zstd);

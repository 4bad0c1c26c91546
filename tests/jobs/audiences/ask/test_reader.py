"""Sentences of both languages and the rules that they are read as; what is asked back; what is not understood."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
import yaml

from jobs.audiences.ask import read
from jobs.audiences.ask.draft import definition_of, document
from jobs.audiences.ask.text import LONGEST, numeral
from jobs.audiences.ask.vocabulary import Vocabulary

LABELS = {
    "MILK": ("milk", "牛奶"), "BEERS/ALES": ("beer", "啤酒"), "HARD CHEESES": ("hard cheese", "硬奶酪"),
    "COFFEE": ("coffee", "咖啡"), "SOFT CHEESES": ("soft cheese", "软奶酪"), "NAPPIES": ("nappies", "纸尿裤"),
    "Phones": ("phones", "手机"),
}  # fmt: skip
SHOP = Vocabulary(
    date(2017, 12, 1),
    paths=tuple(("SHOP", category) for category in (*LABELS, "sofa", "armchair")),
    shelves={"亮家布艺沙发 灰色": "sofa", "亮家单人沙发椅": "armchair"},
    labels=LABELS,
    brands=("Arla", "Private"),
    values={
        "age_band": ("19-24", "25-34", "35-44", "45+"), "gender": ("F", "M"), "attributes.kids_count": ("0", "1", "2+"),
    },
    event_values={"device": ("app", "mobile")},
    tags={"deal seeker": "优惠敏感"},
    segments={"Bargain hunters": "淘便宜"},
    audiences={"best_customers": ("Best customers", "核心客户")},
)  # fmt: skip

# Sentences of one meaning, and the rule.
SAID = """
- [买过牛奶、啤酒、咖啡中至少两种的,
   {any: [{all: [{did: purchase, where: {category: MILK}}, {did: purchase, where: {category: BEERS/ALES}}]},
          {all: [{did: purchase, where: {category: MILK}}, {did: purchase, where: {category: COFFEE}}]},
          {all: [{did: purchase, where: {category: BEERS/ALES}}, {did: purchase, where: {category: COFFEE}}]}]}]
- ["姐妹们，帮我圈一下近30天买过牛奶的，拉个群", "想给近30天买过牛奶的发个小红包",
   "A级种子包：近30天买过牛奶，别的不要",
   {did: purchase, where: {category: MILK}, in: {last_days: 30}}]
- ["双11期间（11.1到11.11）买满300的", "买满300的，时间11/1-11/11",
   {did: purchase, sum: amount, at_least: 300, in: {between: [2017-11-01, 2017-11-11]}}]
- [距上次消费已满40天但不足100天者, {is: {recency_days: {at_least: 40, less_than: 100}}}]
- ["牛奶重度：近12周≥8周有购", {did: purchase, where: {category: MILK}, in: {last_weeks: 12, at_least_in: 8}}]
- [牛奶一次拿三盒以上的, {did: purchase, where: {category: MILK, quantity: {at_least: 3}}}]
- [今年月月买牛奶, {did: purchase, where: {category: MILK}, in: {last_months: 11, each: true}}]
- [今年每个季度都买过牛奶,
   {all: [{did: purchase, where: {category: MILK}, in: {between: [2017-01-01, 2017-03-31]}},
          {did: purchase, where: {category: MILK}, in: {between: [2017-04-01, 2017-06-30]}},
          {did: purchase, where: {category: MILK}, in: {between: [2017-07-01, 2017-09-30]}},
          {did: purchase, where: {category: MILK}, in: {between: [2017-10-01, 2017-12-01]}}]}]
- [买啤酒又买咖啡 今年夏天,
   {all: [{did: purchase, where: {category: BEERS/ALES}, in: {between: [2017-06-01, 2017-08-31]}},
          {did: purchase, where: {category: COFFEE}, in: {between: [2017-06-01, 2017-08-31]}}]}]
- ["先买咖啡后买牛奶，中间不超过两周",
   {then: [{did: purchase, where: {category: COFFEE}}, {did: purchase, where: {category: MILK}, within: {days: 14}}]}]
- ["9月买了啤酒，10月和11月都没买",
   {all: [{did: purchase, where: {category: BEERS/ALES}, in: {between: [2017-09-01, 2017-09-30]}},
          {not: {did: purchase, where: {category: BEERS/ALES}, in: {between: [2017-10-01, 2017-11-30]}}}]}]
- ["近两周没来过，之前两周来过的",
   {all: [{not: {did: &any [view, click, search, favourite, cart, uncart, purchase, refund], in: {last_days: 14}}},
          {did: *any, in: {last_days: 14, skip: 14}}]}]
- [打折时才买咖啡，不打折不买,
   {all: [{did: purchase, where: {category: COFFEE, discount: {more_than: 0}}},
          {not: {did: purchase, where: {category: COFFEE, discount: {exactly: 0}}}}]}]
- [近30天买过的品类超过10个, {did: purchase, count: categories, more_than: 10, in: {last_days: 30}}]
- [按近90天花费取前2000人, {top: {did: purchase, sum: amount, in: {last_days: 90}}, users: 2000}]
- [bought milk in each of the last six months but not in the last 14 days,
   {all: [{did: purchase, where: {category: MILK}, in: {last_months: 6, each: true}},
          {not: {did: purchase, where: {category: MILK}, in: {last_days: 14}}}]}]
- [过去30天没有下单但之前每月都买牛奶的高价值用户,
   {all: [{not: {did: purchase, in: {last_days: 30}}},
          {did: purchase, where: {category: MILK}, in: {last_months: 6, skip: 1, each: true}},
          {top: {did: purchase, sum: amount, in: {last_days: 365}}, percent: 20}]}]
- [used to buy milk every month but not in the last two months, 以前每个月都买牛奶，最近两个月没买,
   {all: [{did: purchase, where: {category: MILK}, in: {last_months: 6, skip: 2, each: true}},
          {not: {did: purchase, where: {category: MILK}, in: {last_days: 60}}}]}]
- [近30天买过牛奶或啤酒的用户, customers who bought beer or milk within the last 30 days,
   {did: purchase, where: {category: [BEERS/ALES, MILK]}, in: {last_days: 30}}]
- [bought milk and beer, 买过牛奶和啤酒,
   {all: [{did: purchase, where: {category: MILK}}, {did: purchase, where: {category: BEERS/ALES}}]}]
- [has not bought anything for 30 days, 30天没买, 近30天未下单的用户, no orders in the last 30 days,
   {not: {did: purchase, in: {last_days: 30}}}]
- [spent more than $500 in the past 90 days, 近90天消费超过五百元,
   {did: purchase, sum: amount, more_than: 500, in: {last_days: 90}}]
- [at least 3 orders in the last 60 days, 近60天至少三单, 最近60天下单3次以上,
   {did: purchase, count: orders, at_least: 3, in: {last_days: 60}}]
- [bought exactly once, 只买过一次的用户, {did: purchase, count: orders, exactly: 1}]
- [spent between 100 and 200 dollars last month, 上个月消费100到200元,
   {did: purchase, sum: amount, between: [100, 200], in: {last_months: 1}}]
- [top 10% by spend in the last 90 days, 近90天消费金额前10%的用户,
   {top: {did: purchase, sum: amount, in: {last_days: 90}}, percent: 10}]
- ["among loyal customers, the top 100 by number of orders", 在忠诚用户中订单数前100名,
   {top: {did: purchase, count: orders}, users: 100, among: {is: {lifecycle_stage: loyal}}}]
- [used to buy coffee but not any more, 以前买咖啡现在不买了, no longer buys coffee, 不再买咖啡,
   {all: [{did: purchase, where: {category: COFFEE}},
          {not: {did: purchase, where: {category: COFFEE}, in: {last_days: 90}}}]}]
- ["bought beer, then coffee within 7 days", 先买啤酒，7天内又买了咖啡,
   {then: [{did: purchase, where: {category: BEERS/ALES}},
           {did: purchase, where: {category: COFFEE}, within: {days: 7}}]}]
- [added to cart but did not buy within 2 days, 加购后2天内未购买,
   {then: [{did: cart}, {not: purchase, within: {days: 2}}], same: product}]
- [came back after 60 days without a purchase, {again: purchase, after_days: 60, in: {last_days: 30}}]
- [first purchase within the last 30 days, 首购在近30天内的用户, {first: purchase, in: {last_days: 30}}]
- [the last purchase was coffee, 最近一次购买是咖啡, {last: purchase, was: {category: COFFEE}}]
- [spending in the last 30 days grew by 20% compared with the 30 days before, 近30天消费比之前30天增长20%,
   {compared: {did: purchase, sum: amount, in: {last_days: 30}}, to: {in: {last_days: 30, skip: 30}}, at_least: 1.2}]
- [spent less than half of the 90 days before, 近90天消费不足此前90天的一半,
   {compared: {did: purchase, sum: amount, in: {last_days: 90}}, to: {in: {last_days: 90, skip: 90}}, less_than: 0.5}]
- [at least 40% of their money goes to beer, 啤酒占消费40%以上,
   {share: {did: purchase, sum: amount, where: {category: BEERS/ALES}}, at_least: 0.4}]
- [likely to buy in the next 7 days, 未来7天可能购买的用户, {is: {purchase_7d: {at_least: 0.5}}}]
- [high churn risk, 高流失风险, {is: {churn_28d: {at_least: 0.5}}}]
- [women aged 25-34 with children,
   {all: [{is: {gender: F}}, {is: {age_band: 25-34}}, {is: {attributes.kids_count: ["1", 2+]}}]}]
- [35岁以上的女性, {all: [{is: {age_band: [35-44, 45+]}}, {is: {gender: F}}]}]
- [bought milk on weekends at night, 周末深夜买过牛奶,
   {did: purchase, where: {category: MILK, hour: [0, 1, 2, 3, 4, 23], weekday: [6, 7]}}]
- [never bought at a discount, 从未用优惠购买, {not: {did: purchase, where: {discount: {more_than: 0}}}}]
- [overdue for coffee, 该买咖啡的用户, {stopped: purchase, where: {category: COFFEE}, overdue: 1.5}]
- [heavy buyers of beer, 大量购买啤酒的用户,
   {top: {did: purchase, sum: amount, where: {category: BEERS/ALES}}, percent: 10}]
- [average order over 50, 客单价超过50元, {is: {basket_value_365d: {more_than: 50}}}]
- [in audience best customers, 属于核心客户受众, {audience: best_customers}]
- [in segment Bargain hunters, {is: {segment_name: Bargain hunters}}]
- [bought in at least 4 of the last 6 months, 近6个月至少4个月有购买,
   {did: purchase, in: {last_months: 6, at_least_in: 4}}]
- ["searched for \\"night lamp\\" in the last 7 days",
   {did: search, where: {query: {contains: night lamp}}, in: {last_days: 7}}]
- [viewed phones in the app at least 5 times, {did: view, where: {category: Phones, device: app}, at_least: 5}]
- [since March 1 bought at least 5 products, 从3月1日起至少买过5种商品,
   {did: purchase, count: products, at_least: 5, in: {after: 2017-02-28}}]
- [only bought milk, 只买牛奶, {share: {did: purchase, where: {category: MILK}}, at_least: 1}]
- [bought diapers, 买过尿不湿, {did: purchase, where: {category: NAPPIES}}]
- [fewer orders in the past 90 days than in the previous 90 days,
   {compared: {did: purchase, count: orders, in: {last_days: 90}}, to: {in: {last_days: 90, skip: 90}}, less_than: 1}]
- ["past 30 d viewed phones, no order at all", 30d内看过手机 没下单,
   {all: [{did: view, where: {category: Phones}, in: {last_days: 30}}, {not: {did: purchase, in: {last_days: 30}}}]}]
- [bought milk in the last 90 days and nothing at all for 14 days, 近90天买过牛奶，但近14天什么都没买,
   {all: [{did: purchase, where: {category: MILK}, in: {last_days: 90}}, {not: {did: purchase, in: {last_days: 14}}}]}]
- [viewed phones in the last 30 days without a single purchase in that time,
   {all: [{did: view, where: {category: Phones}, in: {last_days: 30}}, {not: {did: purchase, in: {last_days: 30}}}]}]
- ["bought milk or beer, and coffee, in the last 30 days",
   {all: [{did: purchase, where: {category: [BEERS/ALES, MILK]}, in: {last_days: 30}},
          {did: purchase, where: {category: COFFEE}, in: {last_days: 30}}]}]
- [近半年月均3单以上, {did: purchase, count: orders, at_least: 18, in: {last_days: 180}}]
- [30天内复购咖啡的用户,
   {then: [{did: purchase, where: {category: COFFEE}}, {did: purchase, where: {category: COFFEE}, within: {days: 30}}]}]
- ["bought milk between February 7 and February 14, 2017", bought milk Feb 7 to 14, 2017年2月7日到14日买过牛奶,
   {did: purchase, where: {category: MILK}, in: {between: [2017-02-07, 2017-02-14]}}]
- [bought milk in Q3, bought milk in the third quarter of 2017, 第三季度买过牛奶,
   {did: purchase, where: {category: MILK}, in: {between: [2017-07-01, 2017-09-30]}}]
- [bought milk since Christmas, 圣诞节以来买过牛奶, {did: purchase, where: {category: MILK}, in: {after: 2016-12-24}}]
- [bought milk between 10 pm and midnight, 晚上10点到12点买过牛奶,
   {did: purchase, where: {category: MILK, hour: [22, 23]}}]
- [近半年有4个月以上买过牛奶, at least 4 months out of the last 6 with a purchase of milk,
   {did: purchase, where: {category: MILK}, in: {last_months: 6, at_least_in: 4}}]
- [at least twice as many orders in the last 30 days as in the 30 days before, 近30天下单次数是前30天的两倍或更多,
   {compared: {did: purchase, count: orders, in: {last_days: 30}}, to: {in: {last_days: 30, skip: 30}}, at_least: 2}]
- [近60天消费金额高于之前60天,
   {compared: {did: purchase, sum: amount, in: {last_days: 60}}, to: {in: {last_days: 60, skip: 60}}, more_than: 1}]
- ["no milk, no beer, no coffee this year",
   {all: [{not: {did: purchase, where: {category: MILK}, in: {current: year}}},
          {not: {did: purchase, where: {category: BEERS/ALES}, in: {current: year}}},
          {not: {did: purchase, where: {category: COFFEE}, in: {current: year}}}]}]
- ["milk buyers, last 60 days, at least 3 orders",
   {did: purchase, where: {category: MILK}, count: orders, at_least: 3, in: {last_days: 60}}]
- [bought beer followed by coffee no more than 7 days later, "bought beer and, within a week, bought coffee",
   {then: [{did: purchase, where: {category: BEERS/ALES}},
           {did: purchase, where: {category: COFFEE}, within: {days: 7}}]}]
- [bought milk the day before yesterday, 前天买过牛奶,
   {did: purchase, where: {category: MILK}, in: {last_days: 1, skip: 2}}]
- [bought beer in the week before Halloween, 万圣节前一周买过啤酒,
   {did: purchase, where: {category: BEERS/ALES}, in: {between: [2017-10-24, 2017-10-30]}}]
- [近90天消费1000以上（不含1000）, {did: purchase, sum: amount, more_than: 1000, in: {last_days: 90}}]
- [沉寂60天以上后在11月回来下单的, {again: purchase, after_days: 60, in: {between: [2017-11-01, 2017-11-30]}}]
- [排除近7天下过单的，消费前20%,
   {all: [{not: {did: purchase, in: {last_days: 7}}}, {top: {did: purchase, sum: amount}, percent: 20}]}]
- [近12周里至少9周每周下单两次及以上,
   {did: purchase, count: orders, at_least: 2, in: {last_weeks: 12, at_least_in: 9}}]
- [active on at least 5 of the last 7 days,
   {did: [view, click, search, favourite, cart, uncart, purchase, refund], count: days, at_least: 5,
    in: {last_days: 7}}]
- [bought either milk or coffee but not both,
   {all: [{did: purchase, where: {category: [COFFEE, MILK]}},
          {not: {all: [{did: purchase, where: {category: MILK}}, {did: purchase, where: {category: COFFEE}}]}}]}]
- [凌晨买过牛奶, {did: purchase, where: {category: MILK, hour: [0, 1, 2, 3, 4]}}]
- [近30天没下单但买过牛奶,
   {all: [{not: {did: purchase, in: {last_days: 30}}}, {did: purchase, where: {category: MILK}}]}]
- [5 or more orders and at least 200 dollars in the last 90 days,
   {all: [{did: purchase, count: orders, at_least: 5, in: {last_days: 90}},
          {did: purchase, sum: amount, at_least: 200, in: {last_days: 90}}]}]
- [spent over 100 on milk and over 50 on coffee in the last 60 days,
   {all: [{did: purchase, sum: amount, more_than: 100, where: {category: MILK}, in: {last_days: 60}},
          {did: purchase, sum: amount, more_than: 50, where: {category: COFFEE}, in: {last_days: 60}}]}]
- [more than two but fewer than six orders in the last 90 days,
   {did: purchase, count: orders, between: [3, 5], in: {last_days: 90}}]
- [not (bought milk or bought coffee),
   {not: {any: [{did: purchase, where: {category: MILK}}, {did: purchase, where: {category: COFFEE}}]}}]
- [(bought milk or bought beer) and bought coffee, （买过牛奶或买过啤酒）且买过咖啡,
   {all: [{any: [{did: purchase, where: {category: MILK}}, {did: purchase, where: {category: BEERS/ALES}}]},
          {did: purchase, where: {category: COFFEE}}]}]
- [bought milk twice a week, {did: purchase, where: {category: MILK}, count: orders, at_least: 2,
   in: {last_weeks: 8, each: true}}]
- [近4周平均每周2单, {did: purchase, count: orders, at_least: 8, in: {last_days: 28}}]
- [老客近30天没下单,
   {all: [{did: purchase, count: orders, at_least: 2}, {not: {did: purchase, in: {last_days: 30}}}]}]
- [买过牛奶但没买咖啡，近30天,
   {all: [{did: purchase, where: {category: MILK}, in: {last_days: 30}},
          {not: {did: purchase, where: {category: COFFEE}, in: {last_days: 30}}}]}]
- [近90天退货次数≥2, {did: refund, at_least: 2, in: {last_days: 90}}]
- [加购3天还没买的, {then: [{did: cart}, {not: purchase, within: {days: 3}}], same: product}]
- [refund within 7 days of purchase, {then: [{did: purchase}, {did: refund, within: {days: 7}}]}]
- [用手机下单的, {did: purchase, where: {device: mobile}}]
- [recency less than 10 days, {is: {recency_days: {less_than: 10}}}]
- [buyers of milk without a coupon, {did: purchase, where: {category: MILK, discount: {exactly: 0}}}]
- [bought milk but not coffee in the last 60 days,
   {all: [{did: purchase, where: {category: MILK}, in: {last_days: 60}},
          {not: {did: purchase, where: {category: COFFEE}, in: {last_days: 60}}}]}]
- [今年618买过牛奶, {did: purchase, where: {category: MILK}, in: {between: [2017-06-18, 2017-06-18]}}]
- [消费618元以上, {did: purchase, sum: amount, at_least: 618}]
- [everyone but loyal customers, {not: {is: {lifecycle_stage: loyal}}}]
- [0 orders in the last 90 days, {did: purchase, count: orders, none: true, in: {last_days: 90}}]
- [women under 35 who bought milk, {all: [{is: {gender: F}}, {is: {age_band: [19-24, 25-34]}},
   {did: purchase, where: {category: MILK}}]}]
- [the last purchase was more than two weeks ago, {last: purchase, in: {last_days: 3660, skip: 15}}]
- [discounts over 5 dollars, 优惠超过5元, {did: purchase, sum: discount, more_than: 5}]
- [近30天买咖啡超过100元, bought over 100 dollars of coffee in the last 30 days,
   {did: purchase, sum: amount, more_than: 100, where: {category: COFFEE}, in: {last_days: 30}}]
- [came back in November after at least two months of silence,
   {again: purchase, after_days: 60, in: {between: [2017-11-01, 2017-11-30]}}]
- [只下过一单的客户，且是半年前,
   {all: [{did: purchase, count: orders, exactly: 1}, {did: purchase, in: {last_days: 3660, skip: 180}}]}]
- [近30天下过单但没买牛奶, ordered in the last 30 days but did not buy milk,
   {all: [{did: purchase, in: {last_days: 30}}, {not: {did: purchase, where: {category: MILK}, in: {last_days: 30}}}]}]
- [9月或10月买过牛奶,
   {any: [{did: purchase, where: {category: MILK}, in: {between: [2017-09-01, 2017-09-30]}},
          {did: purchase, where: {category: MILK}, in: {between: [2017-10-01, 2017-10-31]}}]}]
- [捞一下近30天买过牛奶的人, we would like households who grabbed a bag of milk in the last 30 days,
   {did: purchase, where: {category: MILK}, in: {last_days: 30}}]
- [近30天木有下单的人, {not: {did: purchase, in: {last_days: 30}}}]
- [近30天買過牛奶嘅人, 近３０天买过牛奶的朋友们, i'm after folks who snagged some milk in the last 30 days,
   {did: purchase, where: {category: MILK}, in: {last_days: 30}}]
- [上周三买过牛奶, {did: purchase, where: {category: MILK}, in: {between: [2017-11-22, 2017-11-22]}}]
- [就买过一次的用户, one-time buyers, {did: purchase, count: orders, exactly: 1}]
- [spent at least 3x as much on milk as on coffee in the last 90 days,
   {compared: {did: purchase, sum: amount, where: {category: MILK}, in: {last_days: 90}},
    to: {where: {category: COFFEE}}, at_least: 3}]
- ["bought milk this year and skipped coffee in the 7 days after",
   {then: [{did: purchase, where: {category: MILK}}, {not: purchase, where: {category: COFFEE}, within: {days: 7}}],
    in: {current: year}}]
- ["bought coffee after milk, no more than 14 days apart", bought coffee within 14 days after milk,
   {then: [{did: purchase, where: {category: MILK}}, {did: purchase, where: {category: COFFEE}, within: {days: 14}}]}]
- [近60天除了咖啡什么都没买,
   {share: {did: purchase, where: {category: COFFEE}, in: {last_days: 60}}, at_least: 1}]
- [always uses coupons, 每次都用券, {share: {did: purchase, where: {discount: {more_than: 0}}}, at_least: 1}]
- [新客里已经下了第二单的, new customers with a second order,
   {all: [{first: purchase, in: {last_days: 30}}, {did: purchase, count: orders, at_least: 2}]}]
- ["羊毛党：订单里八成以上用了优惠", "whales: at least 80% of orders with a coupon",
   {share: {did: purchase, count: orders, where: {discount: {more_than: 0}}}, at_least: 0.8}]
- [近7天加购未付的用户, cart abandoners in the last 7 days,
   {then: [{did: cart}, {not: purchase}], same: product, in: {last_days: 7}}]
- [近45天下单4次以上且总花费超过120元,
   {all: [{did: purchase, count: orders, at_least: 4, in: {last_days: 45}},
          {did: purchase, sum: amount, more_than: 120, in: {last_days: 45}}]}]
- [牛奶和啤酒都不买的, {not: {did: purchase, where: {category: [BEERS/ALES, MILK]}}}]
- [40-60% of spend goes to milk, 四到六成的消费花在牛奶上,
   {share: {did: purchase, sum: amount, where: {category: MILK}}, between: [0.4, 0.6]}]
- [bought milk or beer but never coffee, 买过牛奶或啤酒但从没买过咖啡,
   {all: [{did: purchase, where: {category: [BEERS/ALES, MILK]}}, {not: {did: purchase, where: {category: COFFEE}}}]}]
- [10月中旬以来没买过牛奶, {not: {did: purchase, where: {category: MILK}, in: {after: 2017-10-10}}}]
- [忠诚的咖啡买家，近六周没下单,
   {all: [{is: {lifecycle_stage: loyal}}, {did: purchase, where: {category: COFFEE}},
          {not: {did: purchase, in: {last_days: 42}}}]}]
- ["bought milk, but not more than twice, in the last 90 days",
   {all: [{did: purchase, where: {category: MILK}, in: {last_days: 90}},
          {did: purchase, where: {category: MILK}, count: orders, at_most: 2, in: {last_days: 90}}]}]
- [bought milk on the first of November,
   {did: purchase, where: {category: MILK}, in: {between: [2017-11-01, 2017-11-01]}}]
- [有没有近两周买过牛奶的, {did: purchase, where: {category: MILK}, in: {last_days: 14}}]
- [buys milk regularly, 有规律地买牛奶, {did: purchase, where: {category: MILK}, in: {last_months: 6, each: true}}]
- [(women or aged 19-24) who bought milk,
   {all: [{any: [{is: {gender: F}}, {is: {age_band: 19-24}}]}, {did: purchase, where: {category: MILK}}]}]
- [近30天消费>100且订单<3, L30D spend > 100 and orders < 3,
   {all: [{did: purchase, sum: amount, more_than: 100, in: {last_days: 30}},
          {did: purchase, count: orders, less_than: 3, in: {last_days: 30}}]}]
- [not only bought milk but also coffee, 不仅买牛奶也买咖啡,
   {all: [{did: purchase, where: {category: MILK}}, {did: purchase, where: {category: COFFEE}}]}]
- [连续两个月没买牛奶, {not: {did: purchase, where: {category: MILK}, in: {last_days: 60}}}]
- [spent less than 50 or more than 500 in the last 90 days,
   {any: [{did: purchase, sum: amount, less_than: 50, in: {last_days: 90}},
          {did: purchase, sum: amount, more_than: 500, in: {last_days: 90}}]}]
- [everyone except women or loyal customers,
   {all: [{not: {is: {gender: F}}}, {not: {is: {lifecycle_stage: loyal}}}]}]
- [spent $1.5k+ this year, 今年花了1.5千以上, {did: purchase, sum: amount, at_least: 1500, in: {current: year}}]
- [customers acquired in March 2017, {first: purchase, in: {between: [2017-03-01, 2017-03-31]}}]
- [7月买过牛奶，8月又买了,
   {all: [{did: purchase, where: {category: MILK}, in: {between: [2017-07-01, 2017-07-31]}},
          {did: purchase, where: {category: MILK}, in: {between: [2017-08-01, 2017-08-31]}}]}]
- ["just give me users that bought milk on 5 or more days in the last 30 days",
   {did: purchase, where: {category: MILK}, count: days, at_least: 5, in: {last_days: 30}}]
- [近30天一次都没来买过牛奶的, {not: {did: purchase, where: {category: MILK}, in: {last_days: 30}}}]
- ["bought beer, then coffee, then beer again, all within 60 days",
   {then: [{did: purchase, where: {category: BEERS/ALES}}, {did: purchase, where: {category: COFFEE}},
           {did: purchase, where: {category: BEERS/ALES}}], within: {days: 60}}]
- ["either viewed phones or bought milk in the last 30 days, and bought no coffee in those 30 days",
   {all: [{any: [{did: view, where: {category: Phones}, in: {last_days: 30}},
                 {did: purchase, where: {category: MILK}, in: {last_days: 30}}]},
          {not: {did: purchase, where: {category: COFFEE}, in: {last_days: 30}}}]}]
- [近一年购物天数在100天到200天之间, {did: purchase, count: days, between: [100, 200], in: {last_days: 365}}]
- [28天流失概率在0.3到0.6之间, {is: {churn_28d: {between: [0.3, 0.6]}}}]
- [首单时间在今年5月1日到6月30日之间, {first: purchase, in: {between: [2017-05-01, 2017-06-30]}}]
- [dropped between 75 and 150 dollars on milk,
   {did: purchase, sum: amount, between: [75, 150], where: {category: MILK}}]
- [bought (milk and beer) or (coffee and nappies),
   {any: [{all: [{did: purchase, where: {category: MILK}}, {did: purchase, where: {category: BEERS/ALES}}]},
          {all: [{did: purchase, where: {category: COFFEE}}, {did: purchase, where: {category: NAPPIES}}]}]}]
- [牛奶和啤酒加起来买了30件以上, at least 30 pieces of milk and beer combined,
   {did: purchase, count: pieces, at_least: 30, where: {category: [BEERS/ALES, MILK]}}]
- ['coffee buyers, but leave out the audience "Best customers"', 买过咖啡的，排除核心客户受众,
   {all: [{did: purchase, where: {category: COFFEE}}, {not: {audience: best_customers}}]}]
- [RFM 555s who buy milk, {all: [{is: {rfm_class: "555"}}, {did: purchase, where: {category: MILK}}]}]
- [bought milk an beer,
   {all: [{did: purchase, where: {category: MILK}}, {did: purchase, where: {category: BEERS/ALES}}]}]
- [近30天買過牛奶但係冇買過咖啡嘅人儿,
   {all: [{did: purchase, where: {category: MILK}, in: {last_days: 30}},
          {not: {did: purchase, where: {category: COFFEE}, in: {last_days: 30}}}]}]
- [bought any coffee stuff, {did: purchase, where: {category: COFFEE}}]
- [五一假期（5月1日到5日）买过牛奶, {did: purchase, where: {category: MILK}, in: {between: [2017-05-01, 2017-05-05]}}]
- ["viewed phones, then put them in the cart, but no purchase in the next 5 days",
   {then: [{did: view, where: {category: Phones}}, {did: cart}, {not: purchase, within: {days: 5}}], same: product}]
- ["For the spring mailing we need everybody who bought milk", 牛奶满减活动圈人：买过牛奶的人,
   {did: purchase, where: {category: MILK}}]
- ["at least 10 orders between 6 and 9 am, Monday to Friday, in the last 180 days",
   {did: purchase, count: orders, at_least: 10, where: {hour: [6, 7, 8], weekday: [1, 2, 3, 4, 5]},
    in: {last_days: 180}}]
- ["buys milk roughly every two weeks, 10 to 18 days apart",
   {regularly: purchase, where: {category: MILK}, every: {between: [10, 18]}}]
- [买过牛奶、啤酒、咖啡中任意一种, {did: purchase, where: {category: [BEERS/ALES, COFFEE, MILK]}}]
- [bought milk on exactly 4 days in the last 30 days,
   {did: purchase, where: {category: MILK}, count: days, exactly: 4, in: {last_days: 30}}]
- ["bought milk and then beer and then coffee, the whole thing within 30 days",
   {then: [{did: purchase, where: {category: MILK}}, {did: purchase, where: {category: BEERS/ALES}},
           {did: purchase, where: {category: COFFEE}}], within: {days: 30}}]
- [spent 100 each on milk and beer, 牛奶和啤酒分别花了100元以上,
   {all: [{did: purchase, sum: amount, at_least: 100, where: {category: MILK}},
          {did: purchase, sum: amount, at_least: 100, where: {category: BEERS/ALES}}]}]
- ["viewed phones 5 times or more and never put them in the cart",
   {all: [{did: view, where: {category: Phones}, at_least: 5}, {not: {did: cart, where: {category: Phones}}}]}]
- [近30天下单最多的50名客户, {top: {did: purchase, count: orders, in: {last_days: 30}}, users: 50}]
- [returned something within 14 days of buying it,
   {then: [{did: purchase}, {did: refund, within: {days: 14}}], same: product}]
- ["bought milk at least twice, beer once", 买过两次牛奶，啤酒也至少一次,
   {all: [{did: purchase, where: {category: MILK}, count: orders, at_least: 2},
          {did: purchase, where: {category: BEERS/ALES}, count: orders, at_least: 1}]}]
- [spent at least $50 in both October and November, 10月和11月都消费满50元的,
   {all: [{did: purchase, sum: amount, at_least: 50, in: {between: [2017-10-01, 2017-10-31]}},
          {did: purchase, sum: amount, at_least: 50, in: {between: [2017-11-01, 2017-11-30]}}]}]
- ["bought at least one of milk, coffee and beer", {did: purchase, where: {category: [BEERS/ALES, COFFEE, MILK]}}]
- [bought milk in August or September 2016,
   {did: purchase, where: {category: MILK}, in: {between: [2016-08-01, 2016-09-30]}}]
- ["(women or loyal) and spent at least 200 in the last 60 days",
   {all: [{any: [{is: {gender: F}}, {is: {lifecycle_stage: loyal}}]},
          {did: purchase, sum: amount, at_least: 200, in: {last_days: 60}}]}]
- [家里有一个孩子的, families with one child, {is: {attributes.kids_count: "1"}}]
- [牛奶咖啡都没买的, {not: {did: purchase, where: {category: [COFFEE, MILK]}}}]
- [近90天花在牛奶上的钱超过咖啡,
   {compared: {did: purchase, sum: amount, where: {category: MILK}, in: {last_days: 90}},
    to: {where: {category: COFFEE}}, more_than: 1}]
- ["Win-back test - 5+ orders ever, nothing in the past 60 days",
   {all: [{did: purchase, count: orders, at_least: 5}, {not: {did: purchase, in: {last_days: 60}}}]}]
- [biggest 5% of milk spenders, {top: {did: purchase, sum: amount, where: {category: MILK}}, percent: 5}]
- [未来7天购买概率在0.3和0.5之间, {is: {purchase_7d: {between: [0.3, 0.5]}}}]
- [spending on milk of $25 to $75, {did: purchase, sum: amount, between: [25, 75], where: {category: MILK}}]
- [以前买牛奶，近60天不买了,
   {all: [{did: purchase, where: {category: MILK}},
          {not: {did: purchase, where: {category: MILK}, in: {last_days: 60}}}]}]
- [bought beer before buying coffee, 买咖啡之前买过啤酒的,
   {then: [{did: purchase, where: {category: BEERS/ALES}}, {did: purchase, where: {category: COFFEE}}]}]
- [除了啤酒还买了咖啡, besides beer they also bought coffee,
   {all: [{did: purchase, where: {category: BEERS/ALES}}, {did: purchase, where: {category: COFFEE}}]}]
- [近7天买过的不要，近60天买过啤酒,
   {all: [{not: {did: purchase, in: {last_days: 7}}},
          {did: purchase, where: {category: BEERS/ALES}, in: {last_days: 60}}]}]
- [买过啤酒的，把近7天下过单的去掉,
   {all: [{did: purchase, where: {category: BEERS/ALES}}, {not: {did: purchase, in: {last_days: 7}}}]}]
- [近6个月至少3个月买过牛奶但没买过咖啡,
   {all: [{did: purchase, where: {category: MILK}, in: {last_months: 6, at_least_in: 3}},
          {not: {did: purchase, where: {category: COFFEE}, in: {last_months: 6}}}]}]
- [近90天客单价30元以上且订单5单以上,
   {all: [{is: {basket_value_90d: {at_least: 30}}}, {did: purchase, count: orders, at_least: 5, in: {last_days: 90}}]}]
- [first order before 2017, 首单在2017年以前, {first: purchase, in: {before: 2017-01-01}}]
- [6 orders or more in the last 30 days and no coupons in that time, 近30天下单6次以上，期间没用过券,
   {all: [{did: purchase, count: orders, at_least: 6, in: {last_days: 30}},
          {not: {did: purchase, where: {discount: {more_than: 0}}, in: {last_days: 30}}}]}]
- [customers aged 25-34 that bought neither beer nor coffee,
   {all: [{is: {age_band: 25-34}}, {not: {did: purchase, where: {category: [BEERS/ALES, COFFEE]}}}]}]
- [between 3 and 6 shopping days last month, {did: purchase, count: days, between: [3, 6], in: {last_months: 1}}]
- [买过沙发的, {did: purchase, where: {category: sofa}}]
- [nothing bought since Monday, {not: {did: purchase, in: {after: 2017-11-26}}}]
- [bought milk each month from June to September,
   {did: purchase, where: {category: MILK}, in: {last_months: 4, skip: 2, each: true}}]
- [bought milk before December but after October,
   {did: purchase, where: {category: MILK}, in: {between: [2017-11-01, 2017-11-30]}}]
- ["people aged 45+ who never bought beer",
   {all: [{is: {age_band: 45+}}, {not: {did: purchase, where: {category: BEERS/ALES}}}]}]
- ["new customers since October who already placed 3 orders",
   {all: [{first: purchase, in: {after: 2017-09-30}}, {did: purchase, count: orders, at_least: 3}]}]
- ["bought milk, leave out deal seekers and anyone who bought beer",
   {all: [{did: purchase, where: {category: MILK}}, {not: {is: {tags: deal seeker}}},
          {not: {did: purchase, where: {category: BEERS/ALES}}}]}]
- ["people aged 25-34, plus anybody tagged deal seeker", {any: [{is: {age_band: 25-34}}, {is: {tags: deal seeker}}]}]
- [the most recent beer order was Private, {last: purchase, where: {category: BEERS/ALES}, was: {brand: Private}}]
- [their first coffee purchase was in the last 30 days,
   {first: purchase, where: {category: COFFEE}, in: {last_days: 30}}]
- ["bought milk, except deal seekers who have not bought beer",
   {all: [{did: purchase, where: {category: MILK}},
          {not: {all: [{is: {tags: deal seeker}}, {not: {did: purchase, where: {category: BEERS/ALES}}}]}}]}]
- [bought milk at least 5 times but no milk in the last 30 days,
   {all: [{did: purchase, where: {category: MILK}, count: orders, at_least: 5},
          {not: {did: purchase, where: {category: MILK}, in: {last_days: 30}}}]}]
- [bought milk last week but not the week before,
   {all: [{did: purchase, where: {category: MILK}, in: {last_weeks: 1}},
          {not: {did: purchase, where: {category: MILK}, in: {last_weeks: 1, skip: 1}}}]}]
- [bougt cofee in the last 7 days, {did: purchase, where: {category: COFFEE}, in: {last_days: 7}}]
- [never bought anything but milk, "bought milk and nothing else", milk-only shoppers,
   {share: {did: purchase, where: {category: MILK}}, at_least: 1}]
- [last month's milk buyers, "last month, bought milk", in the last calendar month bought milk,
   {did: purchase, where: {category: MILK}, in: {last_months: 1}}]
- ["last 30 days' milk buyers", "30-day milk buyers", in the last 30 days bought milk, "milk buyers (30 days)",
   we want to thank people who bought milk in the last 30 days,
   {did: purchase, where: {category: MILK}, in: {last_days: 30}}]
- [in the last 30 days bought nothing, "haven't spent a cent in the last 30 days", no sales in the last 30 days,
   {not: {did: purchase, in: {last_days: 30}}}]
- [milk non-buyers, non-buyers of milk, no milk in their purchase history, milk = never, not one milk purchase,
   {not: {did: purchase, where: {category: MILK}}}]
- [at least two coffee orders in the last 60 days, two or more coffee purchases in the last 60 days,
   "2+ coffee orders, last 60 days", made at least two coffee purchases in the last 60 days,
   {did: purchase, where: {category: COFFEE}, count: orders, at_least: 2, in: {last_days: 60}}]
- [bought at least 10 coffees, "10+ coffees", ten coffees or more,
   {did: purchase, where: {category: COFFEE}, count: pieces, at_least: 10}]
- [a single order in the last 90 days, "one order, no more, in the last 90 days", only one purchase in the last 90 days,
   one and only one order in the last 90 days,
   {did: purchase, count: orders, exactly: 1, in: {last_days: 90}}]
- [purchases totaling at least $200 in the last 60 days, whose total came to $200 or more in the last 60 days,
   brought in at least $200 in the last 60 days, {did: purchase, sum: amount, at_least: 200, in: {last_days: 60}}]
- [on average spends over $40 per order, mean basket value over $40, whose orders average over $40,
   {is: {basket_value_365d: {more_than: 40}}}]
- [the 100 most frequent buyers, top 100 by orders, top 100 customers by how often they order,
   {top: {did: purchase, count: orders}, users: 100}]
- [first purchase was milk, milk was their first purchase, had milk in the very first purchase,
   bought milk as their first order, {first: purchase, was: {category: MILK}}]
- [started buying milk in the last 90 days, new milk buyers in the last 90 days, new to milk in the last 90 days,
   {first: purchase, where: {category: MILK}, in: {last_days: 90}}]
- [after beer they bought coffee, beer followed by coffee, "first beer, then coffee", beer -> coffee,
   {then: [{did: purchase, where: {category: BEERS/ALES}}, {did: purchase, where: {category: COFFEE}}]}]
- [have gone 30 days without buying, "customers who've gone 30 days without a purchase",
   {not: {did: purchase, in: {last_days: 30}}}]
- [at least two orders with coffee, coffee in at least two orders, two or more orders containing coffee,
   {did: purchase, where: {category: COFFEE}, count: orders, at_least: 2}]
- [bought beer first and coffee afterwards, bought beer and then coffee,
   {then: [{did: purchase, where: {category: BEERS/ALES}}, {did: purchase, where: {category: COFFEE}}]}]
- [added to cart but never bought, put something in the cart and never bought it, carted but not purchased,
   {then: [{did: cart}, {not: purchase}], same: product}]
- [spend down by more than half in the last 90 days compared with the 90 days before,
   {compared: {did: purchase, sum: amount, in: {last_days: 90}}, to: {in: {last_days: 90, skip: 90}}, less_than: 0.5}]
- [bought milk in all of the last 6 months, bought milk in the last 6 months without missing a month,
   {did: purchase, where: {category: MILK}, in: {last_months: 6, each: true}}]
"""
PAIRS = [(sentence, rule) for *sentences, rule in yaml.safe_load(SAID) for sentence in sentences if rule]


def plain(said):
    """A rule as it means, whatever the order of keys, lists and parts."""
    if isinstance(said, dict):
        return {key: plain(value) for key, value in said.items()}
    if isinstance(said, list):
        parts = [plain(one) for one in said]
        return (
            parts
            if any(isinstance(one, dict) and ("did" in one or "not" in one) for one in parts)
            else sorted(parts, key=str)
        )
    return said


@pytest.mark.parametrize(("sentence", "rule"), PAIRS)
def test_a_sentence_is_one_rule(sentence, rule):
    answer = read(sentence, SHOP)
    assert plain(answer.rule) == plain(rule), (answer.left_out, answer.readings)
    assert answer.parts
    assert not answer.left_out


@pytest.mark.parametrize("sentence", [
    "bought cheese",  # two categories
    "没买过牛奶和啤酒", "did not buy milk and beer",  # neither, or not both
    "bought milk and spent 100 or viewed phones",  # what belongs together
    "bought milk or beer and coffee", "买过牛奶或啤酒和咖啡",
    "bought milk but did not buy in the last 30 days",  # no milk, or nothing
    "spent over 100 on milk and coffee",  # together, or on each
    "viewed phones and bought milk in the last 60 days",  # how far the window reaches
    "bought milk, coffee in the last 30 days",
    "近30天买过牛奶且金额超过50",  # of milk, or of all
    "bought coffee over 20 dollars", "买过100元以上的咖啡",  # the price of one, or all of it
    "lapsed coffee buyers", "流失的咖啡买家",  # of coffee, or of anything
    "viewed phones but did not buy milk in the last 60 days",
    "bought milk in June but skipped July",  # no milk, or nothing
    "近30天没买牛奶，但之前30天买过",  # milk, or anything
    "aged over 40",  # within a group
    "30岁到50岁、买过牛奶的", "women between 30 and 50",
    "viewed phones twice and bought none in the last 21 days", "less than 30 dollars in the last 60 days but 1 order",
    "viewed phones twice and added to cart but not bought",
    "bought milk, beer, or both", "买过牛奶的女性或有孩子的客户", "买过牛奶但不是打折买的", "看过手机却没加购的",
    "bought milk and spent 50 on coffee, last 90 days",
    "看过手机并买了牛奶，近60天", "viewed phones and bought milk, last 60 days",
    "viewed phones or bought milk in the last 30 days",
    "咖啡买家里按消费金额排前10%", "coffee buyers ranked by spend, top 10%",
    "top 10% of beer buyers by spend", "beer buyers in the top 10% by spend",
    "everyone except deal seekers who bought milk",  # all but them, or milk buyers but them
    "bought coffee and those who bought beer",  # both, or either
    "bought milk on saturday",  # the last one, or any
    "at least 8 orders and no coupons in the last 90 days",
    "spent 50 on coffee in the last 90 days, not a single Private pack",  # of coffee, or of anything
])  # fmt: skip
def test_a_sentence_of_two_meanings_is_asked_back(sentence):
    answer = read(sentence, SHOP)
    assert answer.rule is None
    assert len(answer.readings) > 1


@pytest.mark.parametrize(("sentence", "part"), [
    ("bought milk when it rained", "rained"),
    ("心情好的时候买牛奶", "心"),
    ("bought milk and likes jazz", "jazz"),
    ("bought milk'; DROP TABLE users; --", "table"),
    ("bought unicorns", "unicorns"),
    ("one order worth at least $150", "one order"), ("一单里买了10种以上商品", "一单里"),
    ("近90天消费最少的100人", "最少的"), ("消费高的用户", "消费高的"), ("当天搜索当天下单", "当天"),
    ("两周买一次牛奶", "两周买一次"), ("bought about 3 times this month", "about"),
    ("最近3次购买都是牛奶", "3"), ("bought milk for their family", "for their family"), ("给朋友买牛奶", "给朋友"),
    ("bought milk for the first time in 3 months", "first time"), ("三个月来第一次买牛奶", "第一次"),
    ("开始买牛奶的用户", "开始"), ("买啤酒时也买牛奶", "时也"), ("3月开始买牛奶的", "开始"),
    ("ordered on both Saturday and Sunday", "both"), ("more than 5 visits last month", "visits"),
    ("bought milk on 3 consecutive days", "consecutive"), ("clicked on a promo", "promo"),
    ("11月回流、之前三个月没下单的", "回流"), ("非会员", "非"),
    ("羊毛党", "羊毛党"), ("bought milk last monday", "last monday"),
    ("bottom 10% by spend", "bottom"), ("bought milk and coffee 14 days apart", "apart"), ("喜欢牛奶的人", "喜"),
    ("bought milk only in November", "only"),
    ("想买牛奶的人", "想买"), ("usually shops on Sundays", "usually"), ("通常周日购物", "通常"),
    ("customers who want to buy milk", "want to buy"),
    ("viewed or searched for phones", "searched"),
    ("customers who paid by card", "by card"),
    ("women who are men", "women who are men"),
    ("bought milk in the last 30 days and no milk in the last 60 days", "milk"),
    ("男性且女性", "男性"), ("近30天买过牛奶，送货上门的", "送"), ("打车来的客户，近30天买过牛奶", "打"),
    ("近30天买过牛奶，也给过好评", "好"),
    ("households of 4 or more that spent 500+", "of 4 or more"),
    ("bought milk only 5 or more times", "only"), ("bought milk and coffee, all within 30 days", "30 days"),
    ("30", "30"),
])  # fmt: skip
def test_what_nothing_records_is_named_and_no_rule_is_guessed(sentence, part):
    answer = read(sentence, SHOP)
    assert answer.rule is None
    assert part in " ".join(one.text for one in answer.left_out)


def test_a_thing_alone_is_bought_where_nothing_else_is_logged():
    sells = replace(SHOP, types=frozenset({"purchase"}))
    milk, beer = ({"did": "purchase", "where": {"category": one}} for one in ("MILK", "BEERS/ALES"))
    assert read("milk but no beer", sells).rule == {"all": [milk, {"not": beer}]}
    assert read("milk and beer", sells).rule == {"all": [milk, beer]}
    assert read("milk", sells).rule is None
    assert read("milk but no beer", SHOP).rule is None


def test_what_can_be_said_of_it_is_a_reading():
    [reading] = read("bought milk and likes jazz", SHOP).readings
    assert reading.rule == {"did": "purchase", "where": {"category": "MILK"}}


def test_a_name_is_not_taken_because_the_other_one_cannot_be_meant():
    """Fruit is PRODUCE alone; vegetables are PRODUCE, which is left out, or ORGANICS, which nobody may have meant."""
    paths, labels = (("PRODUCE", "ORGANICS VEGETABLES"),), {"PRODUCE": ("fruit & vegetables", "蔬菜水果")}
    answer = read("bought vegetables but no fruit", Vocabulary(SHOP.ds, paths=paths, labels=labels))
    assert answer.rule is None
    assert "asks for what it leaves out" in answer.left_out[0].means


def test_events_that_the_shop_does_not_log_are_named():
    shop = Vocabulary(SHOP.ds, paths=SHOP.paths, labels=SHOP.labels, types=frozenset({"purchase"}))
    answer = read("viewed milk", shop)
    assert answer.rule is None
    assert "no view is logged" in answer.left_out[0].means


@pytest.mark.parametrize(
    "sentence",
    [
        "",
        " ",
        "\0",
        "🎉🎉",
        "?!",
        "milk",
        "用户",
        "x" * (LONGEST + 1),
        "near " * 90,
        "((((",
        "not " * 80,
    ],
)
def test_nonsense_is_no_rule(sentence):
    answer = read(sentence, SHOP)
    assert answer.rule is None
    assert answer.left_out


def test_signs_and_pictures_beside_a_sentence_do_not_matter():
    assert read("🎉 bought\0 milk!! 🎉", SHOP).rule == {"did": "purchase", "where": {"category": "MILK"}}


@pytest.mark.parametrize(
    ("text", "number"), [("三百二十", 320), ("两千五", 2500), ("十二", 12), ("一百零五", 105), ("两万", 20000)]
)
def test_chinese_numerals(text, number):
    assert numeral(text) == number


@pytest.mark.parametrize(("sentence", "rule"), PAIRS)
def test_an_answer_makes_a_definition_with_names_in_both_languages(sentence, rule):
    made = document(sentence, read(sentence, SHOP).rule)
    assert definition_of(made).rule is not None
    assert not any("." in column for example in made.get("examples", {}).get("match", ()) for column in example)
    assert all(made[key] for key in ("name", "name_zh", "description", "description_zh"))

"""What shops call the columns and events that we have names for, in English and Chinese, some in further languages.

The likelier name first. A column is compared without case, blanks and signs, by the last part of a.b.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from jobs.sources.called import last, plain, untyped

Words = dict[str, tuple[str, ...]]


def _listed(texts: dict[str, str]) -> Words:
    return {name: tuple(text.split()) for name, text in texts.items()}


FIELDS: Words = _listed(
    {
        "user_id": """
        userid uid memberid customerid customercode customerno
        custid clientid buyerid shopperid visitorid fullvisitorid userpseudoid
        householdid householdkey openid distinctid anonymousid deviceid cookieid 用户id 用户编号 会员id
        会员编号 会员号 会员卡号 客户id 客户编号 买家id 用户 会员 客户 买家 顾客 kundennummer kundennr kundenid
        kunde user member customer cust client buyer visitor household card cardid
        cardno loyaltyid accountid account who client codeclient numclient nclient idclient clienteid idcliente cliente
        codcliente müşteri müşterino müşteriid 顧客id 会員id 顧客コード 顧客番号 会員番号 お客様番号
        회원아이디 회원id 회원번호 고객번호 고객id 고객명 구매자id 구매자
        买家会员名 下单帐号 帐号 账号 email mail 邮箱 手机号
        """,
        "event_time": """
        eventtime eventtimestamp timestamp ts datetime actiontime servertime clienttime ordertime paytime
        paidat createdat createtime orderdate ordercreated invoicedate orderedat occurredat
        transactiondt transactiondate
        transactiontime purchasedate eventdate tdat time date day dt at 事件时间 行为时间 下单时间 订单时间
        支付时间 交易时间 购买时间 创建时间 下单日期 交易日期 购买日期 时间 日期 bestelldatum datum zeitpunkt
        zeit purchasedon createdon created saledate datepaid posteddatetime posteddate datecommande datedecommande
        dateachat fechapedido fechacompra fecha datapedido dataordine data sipariştarihi siparişzamanı tarih
        注文日時 注文日 購入日時 購入日 売上日 日時 주문일시 주문일자 주문일 결제일시 결제일 구매일시 구매일 일시 날짜
        """,
        "event_type": """
        eventtype eventname event actiontype action behaviortype behaviourtype behavior behaviour activity
        行为类型 行为 事件类型 事件名称 事件 操作类型 操作 type op 类型
        """,
        "product_id": """
        productid skuid sku itemid itemno goodsid spuid articleid artid stockcode asin 商品id 商品编号 商品编码
        货号 sku编码 sku 宝贝id 商品 artikelnummer artikelnr artnr artikel product item article goods ean gtin barcode
        upc plu pid aid 条码 référence reference refproduit codeproduit codearticle produit producto articulo artículo
        codproducto prodotto codiceprodotto produto codproduto ürün ürünkodu ürünid stokkodu 商品コード 商品番号 商品id
        품목코드 상품코드 상품번호 상품id
        """,
        "quantity": """
        quantity qty pieces units numitems itemcount buynum 购买数量 订购数量 商品数量 宝贝总数量 数量 件数 menge anzahl
        stück count num qtyordered quantité quantite qté qte cantidad quantità quantidade qtd adet miktar 個数 購入数
        수량 구매수량 주문수량
        """,
        "price": """
        unitprice itemprice listprice soldfor itemcost price
        商品单价 单价 商品价格 价格 einzelpreis stückpreis preis prixunitaire prix
        preciounitario precio prezzounitario prezzo preçounitário preço birimfiyat fiyat 単価 価格 販売価格
        판매가 단가 가격
        """,
        "amount": """
        amount lineamount linetotal linesubtotal orderlinetotal orderlinesubtotal
        totalprice totalamount salesvalue salesprice payamount payment paid
        paidamount revenue total subtotal sales spend 商家实收金额 买家实际支付金额 实付金额 支付金额 订单金额 交易金额
        实付 金额 总价
        gesamtpreis gesamt betrag umsatz summe montantttc montant prixtotal importe importetotal totale importo valor
        valortotal tutar toplam toplamtutar 合計金額 購入金額 売上金額 合計
        총액 결제금액 주문금액 금액 합계
        """,
        "discount": """
        discount discountamount coupon couponamount coupondisc 优惠金额 优惠 折扣 rabatt remise descuento sconto
        desconto
        indirim 割引 割引額 할인 할인금액
        """,
        "session_id": """
        sessionid session usersession visitid visit orderid orderno ordernumber order invoiceno invoice
        basketid basket transactionid receiptid receiptno receipt cartid 会话id 会话 订单号 订单编号 订单id
        小票号 bestellnummer bestellung auftrag rechnungsnummer bon ncommande numcommande numérocommande commande
        nfacture facture pedido npedido númeropedido ordine numeroordine sipariş siparişno siparişnumarası
        注文番号 注文id 受注番号 伝票番号 주문번호 주문id
        """,
        "query": "query searchquery searchterm keyword keywords q 搜索词 关键词 suchbegriff",
        "user_agent": "useragent ua agent 浏览器",
    }
)
PRODUCTS: Words = _listed(
    {
        "title": """
        title producttitle productname itemname goodsname description 宝贝标题 商品名称 商品名 品名 商品标题 bezeichnung
        artikelname désignation libellé nomproduit nombreproducto nombre nomeprodotto ürünadı 商品名 상품명 품명
        """,
        "category_path": """
        categorypath categorycode category categoryname categoryid cat 类目 品类 商品类目 分类 productsubclass
        kategorie warengruppe catégorie categorie categoría categoria kategori カテゴリ カテゴリー 카테고리 분류
        """,
        "brand": "brand brandname 品牌 marke marque marca ブランド 브랜드",
    }
)
USERS: Words = _listed(
    {
        "age_band": "ageband agegroup agerange age 年龄段 年龄 alter",
        "gender": "gender sex 性别 geschlecht",
        "region": "region country province state city 地区 省份 城市 land",
    }
)
EVENTS: Words = _listed(
    {
        "view": """
        view pageview viewitem viewproduct productview productviewed pv detail browse 浏览 查看 访问 浏览商品
        """,
        "click": "click clicks tap selectitem productclicked 点击",
        "search": "search searchproduct productssearched viewsearchresults 搜索",
        "favourite": "favourite favorite fav like wishlist addtowishlist collect 收藏 关注",
        "cart": "cart carts addtocart cartadd productadded addcart 加购 加购物车 加入购物车",
        "uncart": "uncart removefromcart cartremove productremoved delcart 移出购物车 删除购物车",
        "purchase": """
        purchase buy order orders ordercompleted transaction pay paid payment sale 购买 下单 支付 成交 kauf
        bestellung
        """,
        "refund": "refund return returned refunded cancel cancelled orderrefunded 退款 退货 retoure storno",
    }
)
_OTHERS: Words = _listed(
    {
        "status": """
        orderstatus itemstatus financialstatus paymentstatus status orderstate state 订单状态 交易状态 支付状态 状态
        售后状态 退款状态
        bestellstatus zahlungsstatus statut estado stato durum 注文状況 ステータス 주문상태 상태
        """,
        "not_bought": """
        cancelled canceled cancel voided void failed failure unpaid pending draft abandoned expired declined onhold
        annulée annulé annulee annule cancelado cancelada anulado anulada annullato iptal キャンセル 취소 주문취소
        wccancelled wcfailed wcpending wconhold pendingpayment awaitingpayment 交易关闭 已关闭 已取消 取消 待付款
        等待买家付款 未付款 storniert offen
        """,
        "event_ids": """
        eventid messageid logid uuid recordid rowid lineid insertid id 事件id 流水号
        """,
        "personal": """
        email mail phone mobile tel telephone firstname lastname fullname realname username nickname address street
        idcard passport birthday birthdate dateofbirth ip ipaddress cardnumber creditcard 邮箱 手机 手机号 电话
        姓名 地址 收货地址 收货人 身份证 身份证号 生日 telefon vorname nachname adresse strasse geburtsdatum
        """,
        "personal_inside": """
        email phone mobile address firstname lastname billingname shippingname 手机 电话 地址 姓名 身份证
        """,
    }
)
EVENT_IDS = _OTHERS["event_ids"]
STATUS = _OTHERS["status"]
_NOT_BOUGHT = _OTHERS["not_bought"]
PERSONAL = _OTHERS["personal"]
_PERSONAL_INSIDE = _OTHERS["personal_inside"]
MONEY_OR_PIECES = ("amount", "total", "sales")
ALL = frozenset(
    word for known in (*FIELDS.values(), *PRODUCTS.values(), *USERS.values(), PERSONAL, EVENT_IDS) for word in known
)
_GIVEN_BACK = re.compile("refund|return|retour|rembours|storn|退款|退货|返品|환불")
_SHARE = re.compile(r"percent|pct|prozent|pourcent|rate$|ratio$|率$|%")
CENTS = re.compile("cent|分$|minor|pence")


def is_one(name: str, words: Collection[str]) -> bool:
    """Whether a column is called exactly so; `user.id` is also `userid`."""
    return plain(name) in words or plain("".join(untyped(name).split(".")[-2:])) in words


def rank(name: str, words: tuple[str, ...]) -> int | None:
    """How likely a column's name means what the words do: the smaller the likelier, None where it does not."""
    exact = [k for k, word in enumerate(words) if is_one(name, (word,))]
    if exact:
        return exact[0]
    said = plain(name)
    parts = re.findall("[a-z]+", re.sub("([a-z])([A-Z])", r"\1 \2", last(name)).lower())
    inside = [
        k
        for k, word in enumerate(words)
        if word in parts or (len(word) > (3 if word.isascii() else 1) and word in said)
    ]
    return len(words) + inside[0] if inside else None


def is_personal(name: str) -> bool:
    return is_one(name, PERSONAL) or any(word in plain(name) for word in _PERSONAL_INSIDE)


def is_not_bought(code: str) -> bool:
    """Whether a word for the state of an order says that nobody has bought."""
    said = re.sub(r"[\W_]+", "", code.casefold())
    return said in _NOT_BOUGHT or any(word in said for word in _NOT_BOUGHT if len(word) > 2 and not word.isascii())


def is_given_back(code: str) -> bool:
    """Whether a word for the state of an order says that its money was paid back."""
    return bool(_GIVEN_BACK.search(code.casefold())) and not is_not_bought(code)


def is_share(name: str) -> bool:
    """Whether a column is called as shares are, and holds no money."""
    return bool(_SHARE.search(last(name).casefold()))


def event_type(code: str) -> str | None:
    """The event of ours that a code says, None where it says none."""
    said = re.sub(r"[\W_]+", "", code.casefold())
    return next((kind for kind, known in EVENTS.items() if said in known), None)

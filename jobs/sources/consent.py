"""A user's word on being addressed, as true or false. What is neither a yes nor a no counts as no."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

_YES = """
true t yes y on 1 1.0 ok subscribed subscribe subscriber opt_in opted_in optin optedin in double_opt_in confirmed_opt_in
granted grant given accepted accept agreed agree allowed allow permitted approved consented consent confirmed enabled
active ja zugestimmt eingewilligt erteilt angemeldet wahr oui accepté consenti abonné inscrit vrai sí si acepto aceptado
suscrito verdadero sì accetto accettato iscritto vero sim aceito inscrito verdadeiro akkoord geaccepteerd aangemeld waar
tak zgoda prawda да согласен согласна истина はい 同意する 同意します 承諾 許可 예 네 동의 동의함
是 是的 同意 已同意 我同意 愿意 接受 已接受 允许 已允许 授权 已授权 订阅 已订阅 开 开启 已开启 有 对
允許 已允許 授權 訂閱 已訂閱
""".split()  # noqa: SIM905
_NO = """
false f no n off 0 0.0 unsubscribed unsubscribe not_subscribed nonsubscribed non_subscribed never_subscribed out
opt_out opted_out optout optedout denied deny refused refuse declined decline rejected reject withdrawn withdraw revoked
revoke disagreed disagree disallowed not_allowed forbidden blocked disabled inactive cleaned bounced complained pending
unconfirmed not_given no_consent not_consented
nein abgelehnt widerrufen verweigert abgemeldet falsch non refusé retiré désabonné désinscrit faux rechazo rechazado
retirado baja falso rifiuto rifiutato revocato disiscritto não nao recusado revogado nee geweigerd ingetrokken afgemeld
onwaar nie odmowa fałsz нет отказ отозвано ложь いいえ 同意しない 拒否 아니오 아니요 거부
否 不 不是 不同意 未同意 我不同意 不愿意 不接受 未接受 不允许 未允许 未授权 拒绝 已拒绝 退订 已退订
取消 取消订阅 未订阅 关 关闭 已关闭 无 没有 拒絕 退訂 取消訂閱 未訂閱
""".split()  # noqa: SIM905


def _word(text: Column) -> Column:
    return F.translate(F.lower(text), " -", "__")


def consent(text: Column) -> Column:
    """True for a word of yes, false for any other, null where nothing is said. In any case, with a blank, - or _
    between.
    """
    return F.when(text.isNotNull(), _word(text).isin(_YES))


def is_unknown(text: Column) -> Column:
    """True for a word that is neither a yes nor a no."""
    return ~_word(text).isin(_YES + _NO)

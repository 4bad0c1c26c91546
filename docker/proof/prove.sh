#!/usr/bin/env bash
# Proves the images and the composition on a machine without a Docker engine. As root:  docker/proof/prove.sh
#
# 1. debootstrap makes a Debian bookworm base, buildah builds both targets of the Dockerfile on it (chroot isolation).
# 2. Each image runs its commands with no network at all.
# 3. Every service of compose.yaml runs with its own command, environment, volumes and health check, in its order, in
#    one empty network; a probe DAG then goes through scheduler, execution API, spark-submit, Delta and MLflow.
#
# Needs buildah, debootstrap, unshare, ip and python3; 25 GB under TMPDIR (default /var/tmp), 15 to 30 minutes.
#   CERTIFICATES    a folder of *.crt that the base trusts besides, where the way out goes through a company's proxy
#   STORAGE_DRIVER  overlay (default) or vfs, which copies every layer in full and needs 60 GB
#   WORK            a folder to keep base, layers and logs in for the next run; otherwise all is deleted at the end
set -euo pipefail
cd "$(dirname "$0")/../.."

for tool in buildah debootstrap unshare ip python3; do
    command -v "$tool" > /dev/null || { echo "expected the command $tool, found none; install it first" >&2; exit 2; }
done
[ "$(id -u)" = 0 ] || { echo "expected root (debootstrap and chroot need it)" >&2; exit 2; }

if [ -n "${WORK:-}" ]; then keep=yes; mkdir -p "$WORK"; else keep=; WORK=$(mktemp -d "${TMPDIR:-/var/tmp}/huaxiang-prove.XXXXXX"); fi
WORK=$(realpath "$WORK")
export WORK STORAGE_DRIVER="${STORAGE_DRIVER:-overlay}" BUILDAH_ISOLATION=chroot
b() { buildah --root "$WORK/storage" --runroot "$WORK/runroot" "$@"; }

clean() {
    b rm --all > /dev/null 2>&1 || true
    rm -rf --one-file-system "$WORK/volumes"
    [ -n "$keep" ] || { b rmi --all --force > /dev/null 2>&1 || true; rm -rf --one-file-system "$WORK"; }
}
trap clean EXIT
mkdir -p "$WORK/logs"
proven() { echo "PROVEN  $1"; }

# Runs a command in an image, without network; prints its last line as the proof.
offline() {  # IMAGE TITLE COMMAND...
    local image=$1 title=$2 log
    shift 2
    log="$WORK/logs/$image-${title// /-}.log"
    if ! unshare --net -- bash -c 'ip link set lo up && exec "$@"' - \
            buildah --root "$WORK/storage" --runroot "$WORK/runroot" run --hostname prove "prove-$image" -- "$@" > "$log" 2>&1; then
        echo "FAILED  $image: $title" >&2
        tail -30 "$log" >&2
        exit 1
    fi
    proven "$image: $title: $(grep -v '^ *$' "$log" | tail -1 | cut -c1-200)"
}

echo "== 1. build"
if [ -z "$(b images --quiet huaxiang-prove-base 2> /dev/null)" ]; then
    debootstrap --variant=minbase --include=ca-certificates bookworm "$WORK/rootfs" > "$WORK/logs/debootstrap.log"
    rm -f "$WORK"/rootfs/var/cache/apt/archives/*.deb
    if [ -n "${CERTIFICATES:-}" ]; then
        cp "$CERTIFICATES"/*.crt "$WORK/rootfs/usr/local/share/ca-certificates/"
        chroot "$WORK/rootfs" update-ca-certificates > /dev/null 2>&1
        printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' > "$WORK/rootfs/etc/pip.conf"
    fi
    base=$(b from scratch)
    b add --quiet "$base" "$WORK/rootfs" / > /dev/null
    b commit --quiet --rm "$base" huaxiang-prove-base > /dev/null
    rm -rf --one-file-system "$WORK/rootfs"
fi
for target in airflow jobs; do
    b build --layers --format docker --build-arg BASE=localhost/huaxiang-prove-base --target "$target" \
        --build-arg GIT_SHA="$(git rev-parse HEAD 2> /dev/null || echo unknown)" \
        --file docker/Dockerfile --tag "huaxiang-$target" . > "$WORK/logs/build-$target.log" 2>&1 \
        || { tail -30 "$WORK/logs/build-$target.log" >&2; exit 1; }
    proven "target $target builds: $(b images --format '{{.Size}}' "localhost/huaxiang-$target")"
    b rm "prove-$target" > /dev/null 2>&1 || true
    b from --pull-never --add-host prove:127.0.0.1 --name "prove-$target" "localhost/huaxiang-$target" > /dev/null
done

echo "== 2. each image, without network"
offline airflow "runs as" bash -c 'id; [ "$(id -un)" = huaxiang ]; code=$?; sleep 1; exit $code'
offline airflow "airflow version" airflow version
offline airflow "stays small" python -c '
import shutil, importlib.util as u
heavy = [n for n in ("torch", "mlflow", "great_expectations", "delta") if u.find_spec(n)] + [p for p in ["java"] if shutil.which(p)]
assert not heavy, heavy
print("no torch, mlflow, great_expectations, delta-spark, Java")'
offline airflow "metadata on SQLite" airflow db migrate
offline airflow "every DAG file imports" python -c '
from airflow.dag_processing.dagbag import DagBag
bag = DagBag("/opt/huaxiang/dags")
assert not bag.import_errors, bag.import_errors
assert bag.dags, "no DAG"
print(*sorted(bag.dags))'
offline airflow "dags list" bash -c 'airflow dags reserialize >&2; airflow dags list --output plain'
offline jobs "runs as" bash -c 'id; [ "$(id -un)" = huaxiang ]; code=$?; sleep 1; exit $code'
offline jobs "everything imports" python -c '
import torch, mlflow, great_expectations, pyspark, delta, airflow, deltalake, duckdb, psycopg2, asyncpg
print("torch", torch.__version__, "mlflow", mlflow.__version__, "GX", great_expectations.__version__, "Spark", pyspark.__version__, "Airflow", airflow.__version__)'
offline jobs "python -m jobs --help" bash -c 'python -m jobs --help | head -1'
offline jobs "Spark writes and reads Delta" python -c '
from jobs.lake import session
spark = session.build("prove")
spark.range(1000).write.format("delta").save("/tmp/table")
spark.read.format("delta").load("/tmp/table").createOrReplaceTempView("t")
print("sum of 0..999 =", spark.sql("select sum(id) s from t").first().s)'
offline jobs "torchrun" bash -c 'cat > /tmp/p.py <<< "
import torch, torch.distributed as d
d.init_process_group(\"gloo\"); x = torch.ones(1); d.all_reduce(x); d.get_rank() or print(\"two processes sum to\", x.item())
d.destroy_process_group()"; torchrun --standalone --nproc-per-node 2 /tmp/p.py'

echo "== 3. the composition, in an empty network"
if [ -z "$(b images --quiet huaxiang-prove-postgres 2> /dev/null)" ]; then
    base=$(b from --pull-never localhost/huaxiang-prove-base)
    b run "$base" -- bash -c 'apt-get update && apt-get install -y --no-install-recommends postgresql' \
        > "$WORK/logs/build-postgres.log" 2>&1
    b commit --quiet --rm "$base" huaxiang-prove-postgres > /dev/null
fi
unshare --net --mount --pid --fork --kill-child --mount-proc -- \
    bash -c 'ip link set lo up && exec python3 docker/proof/compose.py'

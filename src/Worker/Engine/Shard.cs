using StreamRnn.Ingest;
using StreamRnn.Worker.Publish;

namespace StreamRnn.Worker.Engine;

/// <summary>
/// The loop that owns the streams s, s + shards, s + 2 shards, ...: takes the ticks that are ready, steps them in micro-batches, hands
/// the forecasts on. Nothing in it is locked and no timer fills a batch: while there is work it works, otherwise it blocks on its queue.
/// </summary>
internal sealed class Shard
{
    private readonly Thread _thread;
    private readonly MicroBatch _batch;
    private readonly ForecastQueue _forecasts;
    private readonly Tick[] _taken = new Tick[4 * MicroBatch.Capacity];
    private ForecastBlock _block;
    private long _stepped;

    public Shard(int index, int shardCount, int queueCapacity, ModelMap models, ForecastQueue forecasts)
    {
        Ticks = new TickQueue(queueCapacity);
        _batch = new MicroBatch(models, shardCount);
        _forecasts = forecasts;
        _block = forecasts.Rent();
        _thread = new Thread(Run) { Name = $"shard {index}", IsBackground = true };
    }

    /// <summary>What the shard steps; completing it ends the shard once it is empty.</summary>
    public TickQueue Ticks { get; }

    /// <summary>Ticks stepped so far.</summary>
    public long Stepped => Volatile.Read(ref _stepped);

    public int StreamCount => _batch.StreamCount;

    public long StateBytes => _batch.StateBytes;

    public void Start() => _thread.Start();

    public void Join() => _thread.Join();

    private void Run()
    {
        int count;
        while ((count = Ticks.Take(_taken)) > 0)
        {
            for (ReadOnlySpan<Tick> waiting = _taken.AsSpan(0, count); !waiting.IsEmpty; waiting = waiting[_batch.Count..])
            {
                _batch.Fill(waiting);
                _batch.Step();
                if (_block.Room < _batch.Count)
                    Release();
                _batch.CopyTo(_block);
                Volatile.Write(ref _stepped, _stepped + _batch.Count);
            }
            Release();
        }
        _forecasts.Complete();
    }

    /// <summary>Lets go of what has been stepped; the publisher sends the outputs and the acknowledgements.</summary>
    private void Release() => _block = _forecasts.Exchange(_block);
}

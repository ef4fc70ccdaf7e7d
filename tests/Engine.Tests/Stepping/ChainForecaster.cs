using StreamRnn.Cells.Layers;
using StreamRnn.Detection;

namespace StreamRnn.Engine.Tests.Stepping;

/// <summary>
/// A forecaster whose every output depends on all values of the stream in their order, and on nothing else: enough to see a tick lost,
/// repeated, swapped or stepped in another stream's row. Counts the batches that break the rule of one tick per stream.
/// </summary>
internal sealed class ChainForecaster(string name = "chain@0000") : Forecaster
{
    private int _wrongBatches;

    public int WrongBatches => _wrongBatches;

    public override string Name => name;

    public override int RowFloats => 4;

    public override void Initialise(Span<float> row, long steps = 0)
    {
        row.Fill(0.5f);
        row[0] += steps;
    }

    public override long StepsOf(Span<float> row) => (long)row[0];

    public override StepBatch CreateBatch(int capacity) => new(capacity);

    public override void Step(StateSlab slab, StepBatch batch)
    {
        if (batch.Rows.Take(batch.Count).Distinct().Count() != batch.Count)
            Interlocked.Increment(ref _wrongBatches);
        for (int i = 0; i < batch.Count; i++)
        {
            Span<float> row = slab[batch.Rows[i]];
            float n = row[0] + 0.5f;
            batch.Verdicts[i] = new Verdict { N = (long)n, Forecast = n == 1 ? double.NaN : row[1], Next = Next(row[1], batch.Values[i]) };
            (row[0], row[1]) = (n + 0.5f, (float)batch.Verdicts[i].Next);
        }
    }

    /// <summary>The chain itself, for tests that expect a value.</summary>
    public static float Next(float previous, double value) => (0.75f * previous) + (float)value + 1f;
}

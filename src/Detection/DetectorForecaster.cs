using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;

namespace StreamRnn.Detection;

/// <summary>
/// The full detector around a recurrent network: normalises, compares with the forecasts, weighs the evidence, steps the network,
/// forecasts. A network with a head makes the one-step forecast; without one, adaptive heads on its hidden state do. Scores are made in the
/// same way in both cases.
/// </summary>
/// <remarks>
/// A stream's row: [recurrent state | <see cref="Detector"/> | <see cref="AdaptiveHeads"/> | memory of the <see cref="ValueEncoder"/>, if
/// there is one], each from a cache line on.
/// </remarks>
public sealed class DetectorForecaster : Forecaster
{
    private const int CacheLine = 16;      // floats
    private const int ScalarFloats = 176;  // at the start of a Detector: what every row needs, before the long arrays

    private readonly SequenceModel _model;
    private readonly AdaptiveHeads _heads;
    private readonly int _detectorStart;
    private readonly int _headsStart;
    private readonly int _covarianceStart;
    private readonly int _memoryStart;
    private readonly ValueEncoder? _encoder;

    /// <param name="name">As outputs show it.</param>
    /// <param name="model">Inputs z, or z and its difference to the z before; outputs none, or the next z. With an encoder, what that one feeds and reads.</param>
    /// <param name="encoder">Null where the network sees the detector's own z.</param>
    public DetectorForecaster(string name, SequenceModel model, ValueEncoder? encoder = null)
    {
        if (encoder is null)
            Encoder.Check(name, model.Shape, minimumOutputs: 0);
        else
            Encoder.Check(name, model.Shape, encoder);
        (Name, _model, _encoder) = (name, model, encoder);
        _heads = AdaptiveHeads.Create(model.Shape.Hidden + Calendar.FeatureCount + 1);
        _detectorStart = WholeLines(model.StateFloats);
        _headsStart = _detectorStart + WholeLines(Unsafe.SizeOf<Detector>() / sizeof(float));
        _covarianceStart = _headsStart + _heads.CovarianceStart;
        _memoryStart = WholeLines(_headsStart + _heads.Floats);
        RowFloats = WholeLines(_memoryStart + (encoder?.MemoryFloats ?? 0));
    }

    public override string Name { get; }

    public override int RowFloats { get; }

    private bool HasOwnHead => _model.Shape.Outputs > 0;

    public override void Initialise(Span<float> row, long steps = 0)
    {
        row.Clear();
        DetectorOf(row).Initialise(steps);
        _heads.Initialise(HeadsOf(row));
    }

    /// <summary>
    /// Keeps normaliser, histograms, seasons, records and the alarm gate's history; the heads depend on the network's state and start anew
    /// with it.
    /// </summary>
    public override void Adopt(Span<float> row, Forecaster before, Span<float> rowBefore)
    {
        if (before is not DetectorForecaster detector)
        {
            base.Adopt(row, before, rowBefore);
            return;
        }
        row.Clear();
        DetectorOf(row) = detector.DetectorOf(rowBefore);
        DetectorOf(row).BeginHeads();
        _heads.Initialise(HeadsOf(row));
    }

    public override StepBatch CreateBatch(int capacity) => new Batch(this, capacity);

    public override void Step(StateSlab slab, StepBatch batch)
    {
        var own = (Batch)batch;
        for (int i = 0; i < own.Count; i++)
        {
            if (i + 1 < own.Count)
                Prefetch(ref slab.RowStart(own.Rows[i + 1]), _detectorStart, _detectorStart + ScalarFloats);
            Judge(slab[own.Rows[i]], own, i);
        }

        _model.Step(own.Inputs(own.Count), slab, own.Rows.AsSpan(0, own.Count), own.Outputs(own.Count), own.ModelScratch);
        for (int i = 0; i < own.Count; i++)
        {
            if (i + 1 < own.Count)
                Prefetch(ref slab.RowStart(own.Rows[i + 1]), _covarianceStart, _memoryStart);
            Expect(slab[own.Rows[i]], own, i);
        }
    }

    /// <summary>
    /// Asks for a part of a row while the row before it is worked on: of 10,000 streams none is still in a near cache. Saves up to a quarter there.
    /// </summary>
    private static unsafe void Prefetch(ref float row, int from, int to)
    {
        if (!Sse.IsSupported)
            return;
        for (int i = from; i < to; i += CacheLine)
            Sse.Prefetch0(Unsafe.AsPointer(ref Unsafe.Add(ref row, i)));
    }

    /// <summary>Computes everything that needs the earlier forecasts and not the new hidden state.</summary>
    private void Judge(Span<float> row, Batch batch, int i)
    {
        ref Detector detector = ref DetectorOf(row);
        Span<float> heads = HeadsOf(row);
        (float z, float difference, float error) = detector.Observe(batch.Times[i], batch.Values[i]);
        if (detector.HeadRows > 0 && !HasOwnHead)
            _heads.LearnNear(heads, detector.HeadRows, error);
        float farError = _heads.LearnFar(heads, detector.HeadRows, z, batch.HeadScratch);
        detector.Judge(batch.Values[i], error, farError, ref batch.Verdicts[i]);
        if (_encoder is null)
            Encoder.Encode(z, difference, batch.Inputs(i, 1));
        else
            _encoder.Encode(MemoryOf(row), batch.Times[i], batch.Values[i], batch.Inputs(i, 1));
    }

    private void Expect(Span<float> row, Batch batch, int i)
    {
        ref Detector detector = ref DetectorOf(row);
        Span<float> heads = HeadsOf(row);
        int hidden = _model.Shape.Hidden;
        Span<float> features = _heads.Features(heads, detector.HeadRows);
        row.Slice(_model.TopHiddenOffset, hidden).CopyTo(features);
        Calendar.Features(detector.ExpectedTime, features.Slice(hidden, Calendar.FeatureCount));
        features[^1] = 1;

        _heads.File(heads, detector.HeadRows, batch.HeadScratch);
        if (_encoder is not null)
        {
            detector.Expect(_encoder.Decode(MemoryOf(row), batch.Values[i], batch.Outputs(i, 1)), ref batch.Verdicts[i]);
            return;
        }
        float forecast = HasOwnHead ? batch.Outputs(i, 1)[0] : _heads.Forecast(heads, detector.HeadRows, batch.HeadScratch);
        detector.Expect(batch.Values[i], forecast, HasOwnHead, ref batch.Verdicts[i]);
    }

    public override SequenceModel Network => _model;

    public override long StepsOf(Span<float> row) => DetectorOf(row).Steps;

    private ref Detector DetectorOf(Span<float> row) => ref Unsafe.As<float, Detector>(ref row[_detectorStart]);

    private Span<float> MemoryOf(Span<float> row) => row[_memoryStart..];

    /// <summary>Exposed for tests.</summary>
    internal AdaptiveHeads Heads => _heads;

    internal Span<float> HeadsOf(Span<float> row) => row.Slice(_headsStart, _heads.Floats);

    private static int WholeLines(int floats) => (floats + CacheLine - 1) / CacheLine * CacheLine;

    private sealed class Batch(DetectorForecaster forecaster, int capacity) : EncodedBatch(forecaster._model, capacity)
    {
        public float[] HeadScratch { get; } = new float[forecaster._heads.ScratchFloats];
    }
}

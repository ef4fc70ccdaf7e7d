using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using StreamRnn.Cells.Kernels;

namespace StreamRnn.Detection;

/// <summary>
/// What a model of the <c>stream</c> recipe sees and says. Its forecast of the change to come, for every horizon, is a linear one beside the
/// network's correction of it (the autoregressive highway of LSTNet, arXiv:1703.07015):
/// <code>
///   x[t+h] = x[t] + Change (highway_h(features) + Residual_h network_h(inputs))
/// </code>
/// where x is the value or its logarithm.
/// <list type="bullet">
/// <item>Features: level, time since the row before, calendar of the next row, latest changes, and per tap, the
/// distance of a season, what happened around the same place that long ago: the changes that led to it and came after it, where the value then lay.</item>
/// <item>Inputs of the network: the same without the older changes, then the highway's forecasts and its latest one-step error.</item>
/// </list>
/// Until the memory reaches back as far as the farthest tap a short highway without taps forecasts one step alone.
/// </summary>
/// <remarks>
/// A stream's memory: [<see cref="Past"/> | highway forecasts, one per horizon | ring of the latest values, double]. All sums run in one
/// order, so the bits are the same on every machine.
/// </remarks>
public sealed class StreamEncoder : ValueEncoder
{
    /// <summary>Changes that the network sees one by one; its state knows the older ones.</summary>
    private const int NearLags = 8;

    private const float LargestFeature = 30;
    private const float LargestInput = 6;
    private const float NormalTail = 1.6448536f;   // 95 % quantile of the standard normal
    private const int TapChanges = 5;              // those that led to the two values after the same place, to it and to the two before

    private readonly StreamEncoding _constants;
    private readonly float[] _highway, _young;
    private readonly int _calendarCount;
    private readonly int _nearCount;
    private readonly int _ringStart;

    public StreamEncoder(StreamEncoding constants)
    {
        _constants = constants;
        _calendarCount = 2 * (constants.DayHarmonics + constants.WeekHarmonics + constants.YearHarmonics);
        YoungCount = 2 + _calendarCount + Math.Min(NearLags, constants.Lags);
        _nearCount = YoungCount + constants.Taps.Length * (TapChanges + constants.Horizons.Length);
        FeatureCount = _nearCount + Math.Max(constants.Lags - NearLags, 0);
        InputCount = _nearCount + constants.Horizons.Length + 1;
        RingLength = Math.Max(constants.Lags, constants.Taps.Append(0).Max() + TapChanges / 2) + 2;
        _ringStart = (Unsafe.SizeOf<Past>() / sizeof(float) + constants.Horizons.Length + 1) / 2 * 2;
        _highway = [.. constants.Highway.Select(weight => (float)weight)];
        _young = [.. constants.Young.Select(weight => (float)weight)];
    }

    public StreamEncoding Constants => _constants;

    public override int InputCount { get; }

    public override int MemoryFloats => _ringStart + 2 * RingLength;

    /// <summary>Values remembered; a stream is young until it has as many.</summary>
    public int RingLength { get; }

    /// <summary>Features of the highway.</summary>
    public int FeatureCount { get; }

    /// <summary>The first features, which the short highway reads.</summary>
    public int YoungCount { get; }

    /// <summary>Outputs of the network: quantiles, or mean and log-variance, of every horizon.</summary>
    public override int OutputCount => _constants.Horizons.Length * OutputsPerHorizon;

    private int OutputsPerHorizon => _constants.Levels.Length > 0 ? _constants.Levels.Length : 2;

    public override void Encode(Span<float> memory, long time, double value, Span<float> inputs)
    {
        Span<float> features = stackalloc float[FeatureCount];
        Encode(memory, time, value, inputs, features);
    }

    /// <summary>The same, and the features that the highway read.</summary>
    public void Encode(Span<float> memory, long time, double value, Span<float> inputs, Span<float> features)
    {
        ref Past past = ref PastOf(memory);
        Span<double> ring = Ring(memory);
        Span<float> highway = Highway(memory);
        value = Measure(value);
        float error = past.Rows > 0 ? Feature((value - ring[Place(past.Rows - 1)]) / _constants.Change) - highway[0] : 0;
        long elapsed = past.Rows > 0 ? Math.Max(time - past.Time, 0) : _constants.Interval;
        ring[Place(past.Rows)] = value;
        past.Time = time;
        past.Rows++;

        Features(features, ring, past.Rows, time, elapsed, value);
        bool young = IsYoung(past.Rows);
        for (int h = 0; h < highway.Length; h++)
            highway[h] = !young ? HighwayForecast(features, h) : h == 0 ? YoungForecast(features) : 0;

        for (int i = 0; i < _nearCount; i++)
            inputs[i] = Input(features[i]);
        for (int h = 0; h < highway.Length; h++)
            inputs[_nearCount + h] = Input(highway[h]);
        inputs[^1] = Input(error / ResidualOf(0));
    }

    public override ValueForecast Decode(ReadOnlySpan<float> memory, double value, ReadOnlySpan<float> outputs) => Decode(memory, value, outputs, 0);

    /// <summary>The forecast for one of the horizons; NaN beyond the first while the stream is young.</summary>
    public ValueForecast Decode(ReadOnlySpan<float> memory, double value, ReadOnlySpan<float> outputs, int horizon)
    {
        float highway = Highway(memory)[horizon];
        if (IsYoung(PastOf(memory).Rows))
            return horizon == 0
                ? Forecast(value, highway, 0, -NormalTail, NormalTail, (float)_constants.YoungResidual)
                : new ValueForecast(double.NaN);

        ReadOnlySpan<float> own = outputs.Slice(horizon * OutputsPerHorizon, OutputsPerHorizon);
        if (_constants.Levels.Length == 0)
        {
            float deviation = NormalTail * (float)Math.Sqrt(Elementary.Exp(Math.Clamp(own[1], -20, 20)));
            return Forecast(value, highway, own[0], own[0] - deviation, own[0] + deviation, ResidualOf(horizon));
        }

        float median = own[own.Length / 2];
        return Forecast(value, highway, median, Math.Min(own[0], median), Math.Max(own[^1], median), ResidualOf(horizon));
    }

    /// <summary>Target of the network for an observed change: the residual beyond the highway's forecast, in residuals.</summary>
    /// <param name="value">The one just taken in.</param>
    /// <param name="later">The one that came at the horizon.</param>
    public float Target(ReadOnlySpan<float> memory, double value, double later, int horizon) =>
        IsYoung(PastOf(memory).Rows) ? float.NaN : (float)((ChangeOf(value, later) - Highway(memory)[horizon]) / ResidualOf(horizon));

    /// <summary>Change from a value to a later one, in <see cref="StreamEncoding.Change"/>.</summary>
    public double ChangeOf(double value, double later) => (Measure(later) - Measure(value)) / _constants.Change;

    /// <summary>A value as it is computed with: itself or its logarithm.</summary>
    public double Measure(double value)
    {
        value = Normaliser.Clamp(value);
        double from = _constants.LogarithmFrom;
        return from == 0 ? value : value >= from ? Elementary.Log(value) : Elementary.Log(from) + (value - from) / from;   // the tangent: no jump, no bend
    }

    /// <summary>The memory does not reach back to the farthest tap yet.</summary>
    public bool IsYoung(long rows) => rows < RingLength;

    /// <summary>The linear forecast of the change to come, in <see cref="StreamEncoding.Change"/>.</summary>
    public float HighwayForecast(ReadOnlySpan<float> features, int horizon) =>
        Dot(_highway.AsSpan(horizon * (FeatureCount + 1), FeatureCount + 1), features);

    /// <summary>The same one step ahead, from the features that need no long memory.</summary>
    public float YoungForecast(ReadOnlySpan<float> features) => Dot(_young, features[..YoungCount]);

    /// <summary>The name of each input of the network.</summary>
    public IEnumerable<string> InputNames()
    {
        List<string> names = ["level", "elapsed"];
        (string, int)[] cycles = [("day", _constants.DayHarmonics), ("week", _constants.WeekHarmonics), ("year", _constants.YearHarmonics)];
        foreach ((string cycle, int harmonics) in cycles)
            for (int i = 1; i <= harmonics; i++)
                names.AddRange([$"sin {i} {cycle}", $"cos {i} {cycle}"]);
        for (int lag = 0; lag < Math.Min(NearLags, _constants.Lags); lag++)
            names.Add($"change {lag}");
        foreach (int tap in _constants.Taps)
        {
            for (int i = 0; i < TapChanges; i++)
                names.Add($"change {tap - TapChanges / 2 + i}");
            names.Add($"level {tap}");
            foreach (int h in _constants.Horizons.Skip(1))
                names.Add($"change {tap} over {h}");
        }
        foreach (int h in _constants.Horizons)
            names.Add($"highway {h}");
        names.Add("error");
        return names;
    }

    private void Features(Span<float> features, ReadOnlySpan<double> ring, long rows, long time, long elapsed, double value)
    {
        features.Clear();
        features[0] = Feature((value - _constants.Center) / _constants.Scale);
        features[1] = elapsed <= 0 ? -4 : (float)Math.Clamp(Elementary.Log((double)elapsed / _constants.Interval), -4, 4);
        int at = 2;
        long next = time + _constants.Interval;
        at += Calendar.OfDay(next, features.Slice(at, 2 * _constants.DayHarmonics));
        at += Calendar.OfWeek(next, features.Slice(at, 2 * _constants.WeekHarmonics));
        at += Calendar.OfYear(next, features.Slice(at, 2 * _constants.YearHarmonics));
        for (int lag = 0; lag < Math.Min(NearLags, _constants.Lags); lag++)
            features[at++] = ChangeAt(ring, rows, lag);
        if (IsYoung(rows))
            return;

        foreach (int tap in _constants.Taps)
        {
            for (int i = 0; i < TapChanges; i++)
                features[at++] = ChangeAt(ring, rows, tap - TapChanges / 2 + i);
            double then = ring[Place(rows - 1 - tap)];
            features[at++] = Feature((then - value) / _constants.Change);
            foreach (int h in _constants.Horizons.AsSpan(1))
                features[at++] = tap >= h ? Feature((ring[Place(rows - 1 - tap + h)] - then) / _constants.Change) : 0;
        }
        for (int lag = NearLags; lag < _constants.Lags; lag++)
            features[at++] = ChangeAt(ring, rows, lag);
    }

    /// <summary>The change that led to the value of so many rows ago; 0 where one of the two is not known.</summary>
    private float ChangeAt(ReadOnlySpan<double> ring, long rows, int rowsAgo) =>
        rowsAgo < 0 || rowsAgo + 2 > Math.Min(rows, RingLength) ? 0
            : Feature((ring[Place(rows - 1 - rowsAgo)] - ring[Place(rows - 2 - rowsAgo)]) / _constants.Change);

    private ValueForecast Forecast(double value, float highway, float middle, float low, float high, float residual)
    {
        return new ValueForecast(At(middle), At(low), At(high));

        double At(float network)
        {
            double change = _constants.Change * (highway + (double)residual * network);
            double from = _constants.LogarithmFrom;
            return Normaliser.Finite(from == 0 ? value + change : value >= from ? value * Elementary.Exp(change) : value + from * (Elementary.Exp(change) - 1));
        }
    }

    private float ResidualOf(int horizon) => (float)_constants.Residual[horizon];

    /// <summary>Weights, the bias last, by features.</summary>
    private static float Dot(ReadOnlySpan<float> weights, ReadOnlySpan<float> features)
    {
        float sum = weights[^1];
        for (int i = 0; i < features.Length; i++)
            sum = MathF.FusedMultiplyAdd(weights[i], features[i], sum);
        return sum;
    }

    private static float Feature(double number) => Math.Clamp((float)number, -LargestFeature, LargestFeature);

    private static float Input(float feature) => Math.Clamp(feature, -LargestInput, LargestInput);

    private int Place(long row) => (int)(row % RingLength);

    private static ref Past PastOf(Span<float> memory) => ref Unsafe.As<float, Past>(ref memory[0]);

    private static ref readonly Past PastOf(ReadOnlySpan<float> memory) => ref MemoryMarshal.Cast<float, Past>(memory)[0];

    private Span<float> Highway(Span<float> memory) => memory.Slice(Unsafe.SizeOf<Past>() / sizeof(float), _constants.Horizons.Length);

    private ReadOnlySpan<float> Highway(ReadOnlySpan<float> memory) => memory.Slice(Unsafe.SizeOf<Past>() / sizeof(float), _constants.Horizons.Length);

    private Span<double> Ring(Span<float> memory) => MemoryMarshal.Cast<float, double>(memory.Slice(_ringStart, 2 * RingLength));

    private struct Past
    {
        public long Rows;
        public long Time;
    }
}

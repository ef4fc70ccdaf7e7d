namespace StreamRnn.Detection;

/// <summary>
/// Keeps the interval that a trained model states honest while the stream moves away from what it was trained on: each side is stretched
/// by a factor that a miss raises by 19 times what a hit lowers it (Gibbs and Candes, arXiv:2106.00170, on the logarithm of the width), so that in
/// the long run one row in twenty falls outside on each side. It starts at 1: the model's own word.
/// </summary>
public struct IntervalStretch
{
    private const float Miss = 0.05f;
    private const float Step = 0.05f;
    private const float Least = 0.01f, Most = 1000;

    private float _low, _high;

    public void Initialise() => (_low, _high) = (1, 1);

    public void Learn(bool isBelow, bool isAbove) => (_low, _high) = (Moved(_low, isBelow), Moved(_high, isAbove));

    /// <summary>The ends of the interval as they are published.</summary>
    public readonly (double Lower, double Upper) Apply(ValueForecast forecast) =>
        (forecast.Value - _low * (forecast.Value - forecast.Lower), forecast.Value + _high * (forecast.Upper - forecast.Value));

    private static float Moved(float factor, bool missed) =>
        Math.Clamp(factor * (1 + Step * (missed ? 1 - Miss : -Miss)), Least, Most);
}

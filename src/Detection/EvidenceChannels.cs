using System.Runtime.CompilerServices;

namespace StreamRnn.Detection;

/// <summary>
/// Five ways in which a value can be unusual, each turned into nats by how rare it has been in this stream, and added up with fixed
/// weights. Level: far from the centre. Drift: the 16-step forecast has been wrong in one direction for long. Shock: the one-step forecast
/// has been so for a moment. Season: not what this time of day brings. Quiet: easier to forecast than ever.
/// </summary>
internal struct EvidenceChannels
{
    private const int DriftWindow = 140;
    private const int ShockWindow = 10;
    private const int SeasonWindow = 40;
    private const int QuietWindow = 60;

    private WindowMean _drift, _shock, _season, _quiet;
    private float _weight;   // of the newest row in the histograms; 0 before the first
    private int _rowsToHalving;
    private SeasonProfile _profile;
    private Windows _windows;
    private TailHistogram _levels, _drifts, _shocks, _seasons, _quiets;

    /// <summary>The evidence of one row; the record rule's is left alone.</summary>
    /// <param name="z">The normalised value.</param>
    /// <param name="error">Observed minus forecast, one step ahead, in z.</param>
    /// <param name="farError">The same, <see cref="AdaptiveHeads.FarHorizon"/> steps ahead.</param>
    /// <param name="slot">Half hour of the day.</param>
    /// <param name="age">Rows seen before this one, capped.</param>
    public void Score(float z, float error, float farError, int slot, int age, ref Evidence evidence)
    {
        Fade();
        Span<float> windows = _windows;
        float drift = _drift.Score(farError, windows[..DriftWindow], age);
        float shock = _shock.Score(error, windows.Slice(DriftWindow, ShockWindow), age);
        float deviation = _profile.Score(z, slot, Detector.OldestAge);
        float season = _season.Score(deviation, windows.Slice(DriftWindow + ShockWindow, SeasonWindow), age);
        float quiet = _quiet.Score(-Math.Abs(error), windows.Slice(DriftWindow + ShockWindow + SeasonWindow, QuietWindow), age);

        evidence.Level = _levels.Score(Math.Abs(z), _weight);
        evidence.Drift = _drifts.Score(Math.Abs(drift), _weight);
        evidence.Shock = 0.5f * _shocks.Score(Math.Abs(shock), _weight);
        evidence.Season = 0.5f * _seasons.Score(Math.Abs(season), _weight);
        evidence.Quiet = 0.5f * _quiets.Score(Math.Max(quiet, 0), _weight);
    }

    private void Fade()
    {
        const float PerRow = 1.00023107575f;   // 2^(1/3000)
        if (--_rowsToHalving > 0)
        {
            _weight *= PerRow;
            return;
        }

        if (_weight > 0)
        {
            _levels.Halve();
            _drifts.Halve();
            _shocks.Halve();
            _seasons.Halve();
            _quiets.Halve();
        }

        _weight = 1;
        _rowsToHalving = TailHistogram.HalfLife;
    }

    [InlineArray(DriftWindow + ShockWindow + SeasonWindow + QuietWindow)]
    private struct Windows
    {
        private float _first;
    }
}

using StreamRnn.Cells.Layers;
using StreamRnn.Detection;

namespace StreamRnn.Trainer.Evaluation;

/// <summary>Steps whole recordings through a forecaster, each as a separate stream, in one thread and without an engine.</summary>
public static class NabRun
{
    /// <summary>Scores of every row, recording by recording.</summary>
    public static Verdict[][] Step(NabCorpus corpus, Forecaster forecaster)
    {
        IReadOnlyList<NabRecording> recordings = corpus.Recordings;
        Verdict[][] verdicts = [.. recordings.Select(r => new Verdict[r.Values.Length])];
        var slab = new StateSlab(forecaster.RowFloats);
        StepBatch batch = forecaster.CreateBatch(recordings.Count);
        foreach (NabRecording _ in recordings)
            forecaster.Initialise(slab[slab.Add()]);

        int longest = recordings.Max(r => r.Values.Length);
        for (int row = 0; row < longest; row++)
        {
            batch.Count = 0;
            for (int stream = 0; stream < recordings.Count; stream++)
            {
                if (row >= recordings[stream].Values.Length)
                    continue;
                batch.Rows[batch.Count] = stream;
                batch.Times[batch.Count] = recordings[stream].Times[row];
                batch.Values[batch.Count++] = recordings[stream].Values[row];
            }

            forecaster.Step(slab, batch);
            for (int i = 0; i < batch.Count; i++)
                verdicts[batch.Rows[i]][row] = batch.Verdicts[i];
        }

        return verdicts;
    }

    /// <summary>The scores alone, as <see cref="NabScorer"/> takes them.</summary>
    public static double[][] Scores(Verdict[][] verdicts) =>
        [.. verdicts.Select(rows => Array.ConvertAll(rows, verdict => (double)verdict.Score))];
}

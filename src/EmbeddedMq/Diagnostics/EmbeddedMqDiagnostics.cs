namespace EmbeddedMq;

/// <summary>The names under which traces and metrics are found.</summary>
/// <remarks>
/// <para>With OpenTelemetry: <c>tracing.AddSource(EmbeddedMqDiagnostics.ActivitySourceName)</c> and <c>metrics.AddMeter(EmbeddedMqDiagnostics.MeterName)</c>.</para>
/// <para>Spans: <c>publish exchange</c> (producer) and <c>process queue</c> (consumer), with W3C context in the messages' headers. Metrics and
/// attributes follow OpenTelemetry's semantic conventions for messaging; those without a convention begin with <c>embeddedmq.</c>.</para>
/// </remarks>
public static class EmbeddedMqDiagnostics
{
    /// <summary>The name of the ActivitySource: <c>EmbeddedMq</c>.</summary>
    public const string ActivitySourceName = "EmbeddedMq";

    /// <summary>The name of the Meter: <c>EmbeddedMq</c>.</summary>
    public const string MeterName = "EmbeddedMq";
}

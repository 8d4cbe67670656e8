namespace EmbeddedMq;

/// <summary>The wire names of <see cref="Overflow"/>.</summary>
public static class OverflowExtensions
{
    /// <summary>The value of the argument <c>x-overflow</c>.</summary>
    /// <param name="overflow">The overflow.</param>
    public static string ToArgument(this Overflow overflow) => overflow switch
    {
        Overflow.DropHead => "drop-head",
        Overflow.RejectPublish => "reject-publish",
        Overflow.RejectPublishDeadLetter => "reject-publish-dlx",
        Overflow.BlockPublisher => "block-publisher",
        _ => throw new ArgumentOutOfRangeException(nameof(overflow), overflow, "Not an overflow."),
    };
}

/// <summary>A customer ordered something.</summary>
internal sealed record Order(int Id, string Region, decimal Total);

/// <summary>A voucher was issued. Nobody in this shop is interested.</summary>
internal sealed record Voucher(string Code);

/// <summary>What does the shipping to a region cost?</summary>
internal sealed record QuoteRequest(string Region);

/// <summary>That much.</summary>
internal sealed record Quote(decimal Price);

/// <summary>The bank says no, and will say no again: not worth a retry.</summary>
internal sealed class CardDeclinedException(string message) : Exception(message);
